// Which type of number the tensor cores of a kernel multiply, from its name; unknown where it does not say.
#pragma once

#include <string_view>

#include "profiler/measurement/kernel_name.h"

namespace orrery::profiler {

enum class ElementType { kUnknown, kFp64, kFp32, kTf32, kFp16, kBf16, kFp8, kFp4, kInt8, kMixed };
constexpr int kElementTypeCount = static_cast<int>(ElementType::kMixed) + 1;

/// "BF16"; "mixed" of operands of two types; "unknown".
std::string_view Name(ElementType type);

/// Where a family of kernels writes its type.
enum class TypeRule {
  kText,       ///< in template arguments, else parameters, else words: one type beside FP32 sums and scales
  kNvjet,      ///< cuBLAS's nvjet_tst_...: letters of A, C, sums, D; nvjet_qqtst_...: of A, B, C, sums, D
  kXmma,       ///< cuBLAS's xmma_gemm_f32f32_tf32f32_f32: the second word is what is multiplied, then summed
  kBlas,       ///< ampere_fp16_s16816gemm_fp16, volta_sgemm, cutlass3x_..._e4m3_e4m3_f32
  kTensile,    ///< AMD's Cijk_Alik_Bljk_BBS_BH: type of A and B first
  kGenerated,  ///< TensorRT-LLM's bmm_C_AB_sums and fmhaSm100_Qkv..O..
  kCutlass,    ///< operands of a CollectiveMma among the template arguments; else as kText
  kCudnn,      ///< as kText, but cuDNN's ..._wgmma_f16_... stands for FP16 and BF16 alike
  kFp8,        ///< the family has this type alone
  kNotTold,    ///< types in its name may be those of weights, sums or results
  kMixedType,  ///< the family multiplies weights of few bits with 16-bit activations
};
ElementType ElementTypeOf(const KernelName& name, TypeRule rule);

}  // namespace orrery::profiler
