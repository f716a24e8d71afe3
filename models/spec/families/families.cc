// All tables, in the order in which messages list them.
#include "models/spec/families/readers.h"

namespace orrery::models {

const std::vector<HuggingFaceFamily>& HuggingFaceFamilies() {
  static const std::vector<HuggingFaceFamily> table = [] {
    std::vector<HuggingFaceFamily> all;
    for (const auto& of :
         {DeepSeekFamilies, DenseFamilies, QwenFamilies, MoeFamilies, WindowFamilies, HybridFamilies}) {
      for (HuggingFaceFamily& family : of()) all.push_back(std::move(family));
    }
    return all;
  }();
  return table;
}

const HuggingFaceFamily* FindFamily(const std::string& model_type) {
  for (const HuggingFaceFamily& family : HuggingFaceFamilies())
    if (family.model_type == model_type) return &family;
  return nullptr;
}

}  // namespace orrery::models
