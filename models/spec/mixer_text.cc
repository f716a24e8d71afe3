#include "models/spec/mixer_text.h"

#include <array>

#include <fmt/format.h>

#include "models/spec/attention_design.h"

namespace orrery::models {
namespace {

std::string DescribeMixer(const ModelSpec& spec, int mixer) {
  std::string text;
  if (const AttentionSpec* a = spec.AttentionOf(mixer)) {
    text = OwnDesign(*a);
    if (a->window > 0) text += fmt::format(" of {} positions", a->window);
    if (a->chunk > 0) text += fmt::format(" of chunks of {}", a->chunk);
    if (a->index_top_k > 0) text += fmt::format(" of {} chosen positions", a->index_top_k);
  }
  if (const RecurrenceSpec* r = spec.RecurrenceOf(mixer)) {
    constexpr std::array<const char*, 3> kNames = {"gated delta", "Kimi delta", "Mamba-2"};
    text += text.empty() ? "" : " beside ";
    text += kNames[static_cast<std::size_t>(r->kind)];
  }
  return text;
}

}  // namespace

std::string DescribeMixers(const ModelSpec& spec) {
  if (spec.IsUniform()) return OwnDesign(spec);
  std::string text;
  for (int mixer = kOwnMixer; mixer <= static_cast<int>(spec.mixers.size()); ++mixer) {
    const int layers = spec.LayersWith(mixer);
    if (layers > 0)
      text += fmt::format("{}{} x {}", text.empty() ? "" : ", ", layers, DescribeMixer(spec, mixer));
  }
  return text;
}

}  // namespace orrery::models
