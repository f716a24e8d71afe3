#include "core/op.h"

#include <array>

#include "core/error.h"

namespace orrery {
namespace {

constexpr std::array<std::string_view, kOpKindCount> kNames = {"gemm_fp8",
                                                               "gemm_fp8_wgrad",
                                                               "grouped_gemm_fp8",
                                                               "grouped_gemm_fp8_masked",
                                                               "grouped_gemm_fp8_wgrad",
                                                               "gemm_bf16",
                                                               "attention_forward",
                                                               "attention_backward",
                                                               "attention_decode",
                                                               "cast_fp8",
                                                               "cast_transpose_fp8",
                                                               "requantize_gather",
                                                               "transpose_fp8",
                                                               "scale_transpose",
                                                               "dequantize",
                                                               "save_e5m6",
                                                               "restore_e5m6",
                                                               "swiglu",
                                                               "swiglu_cast",
                                                               "swiglu_cast_transpose",
                                                               "swiglu_backward",
                                                               "swiglu_forward_backward",
                                                               "router_weight_grad",
                                                               "rms_norm",
                                                               "rms_norm_backward",
                                                               "layer_norm",
                                                               "rope",
                                                               "copy",
                                                               "residual_add",
                                                               "scale",
                                                               "permute",
                                                               "unpermute",
                                                               "top_k",
                                                               "router_misc",
                                                               "attention_preprocess",
                                                               "attention_postprocess",
                                                               "embedding",
                                                               "embedding_backward",
                                                               "cross_entropy",
                                                               "adamw",
                                                               "gradient_norm",
                                                               "host_copy",
                                                               "memset"};

}  // namespace

std::string_view Name(OpKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

bool ParseOpKind(std::string_view name, OpKind* kind) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) {
      *kind = static_cast<OpKind>(i);
      return true;
    }
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
