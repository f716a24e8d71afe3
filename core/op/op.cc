#include "core/op/op.h"

#include "core/base/error.h"
#include "core/op/op_traits.h"

namespace orrery {

std::string_view Name(OpKind kind) { return Traits(kind).name; }

bool ParseOpKind(std::string_view name, OpKind* kind) {
  for (const OpTraits& traits : AllOpTraits()) {
    if (traits.name != name) continue;
    *kind = traits.kind;
    return true;
  }
  return false;
}

const GemmShape& Gemm(const Op& op) {
  const auto* shape = std::get_if<GemmShape>(&op.shape);
  ORRERY_CHECK(shape != nullptr,
               "op '" + op.label + "' of kind " + std::string(Name(op.kind)) + " is no GEMM");
  return *shape;
}

}  // namespace orrery
