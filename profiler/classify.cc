#include "profiler/classify.h"

#include <array>

namespace orrery::profiler {
namespace {

using G = KernelGroup;
using K = OpKind;

/// A kernel is of this row if its name holds both words ("" always matches).
struct Row {
  std::string_view word;
  std::string_view also;
  std::string_view library;
  KernelGroup group;
  std::optional<OpKind> kind;
};

// Sources of the names: DeepSeek's training trace (dpsk::*, cuda::*, layer_norm::*), the DeepGEMM, FlashMLA,
// FlashAttention, DeepEP, NCCL, PyTorch, Triton, vLLM and SGLang sources, and cuBLAS and cuDNN kernel names
// as profilers show them. Mangled names hold the same words. Order matters: the specific before the general.
constexpr Row kRows[] = {
    // torch.compile names its kernels after what they fuse ("triton_red_fused_rms_norm"): before everything.
    {"triton_red_", "", "Triton", G::kReduce, {}},
    {"triton_per_", "", "Triton", G::kReduce, {}},
    {"triton_poi_", "", "Triton", G::kElementwise, {}},
    {"triton_tem_", "", "Triton", G::kGemm, {}},
    {"triton_", "", "Triton", G::kOther, {}},
    // DeepSeek's own grouped GEMM (the training trace) and DeepGEMM.
    {"m_grouped_fp8_ptp128c", "", "DeepGEMM", G::kGemm, K::kGroupedGemmFp8},
    {"fp8_dptp128c_acc", "", "DeepGEMM", G::kGemm, K::kGemmFp8Wgrad},
    {"fp8_ptp128c", "", "DeepGEMM", G::kGemm, K::kGemmFp8},
    {"grouped_gemm", "utils", "DeepGEMM", G::kQuantize, K::kScaleTranspose},
    {"fill_tensormaps", "", "DeepGEMM", G::kOther, {}},
    {"transpose_fp32", "", "DeepGEMM", G::kQuantize, K::kScaleTranspose},
    {"deep_gemm", "GroupedMasked", "DeepGEMM", G::kGemm, K::kGroupedGemmFp8Masked},
    {"deep_gemm", "GroupedContiguous", "DeepGEMM", G::kGemm, K::kGroupedGemmFp8},
    {"deep_gemm", "bf16_gemm", "DeepGEMM", G::kGemm, K::kGemmBf16},
    {"deep_gemm", "wgrad", "DeepGEMM", G::kGemm, K::kGemmFp8Wgrad},
    {"deep_gemm", "", "DeepGEMM", G::kGemm, K::kGemmFp8},
    {"sm90_fp8_gemm_1d2d", "", "DeepGEMM", G::kGemm, K::kGemmFp8},
    {"sm90_fp8_gemm_1d1d", "", "DeepGEMM", G::kGemm, K::kGemmFp8Wgrad},
    // DeepEP before anything that says "dispatch", "combine" or "notify".
    {"ep::", "notify", "DeepEP", G::kCommunicationSync, {}},
    {"deep_ep", "notify", "DeepEP", G::kCommunicationSync, {}},
    {"ep::", "get_dispatch_layout", "DeepEP", G::kRoute, K::kRouterMisc},
    {"deep_ep", "get_dispatch_layout", "DeepEP", G::kRoute, K::kRouterMisc},
    {"::ep::", "dispatch", "DeepEP", G::kCommunication, {}},
    {"::ep::", "combine", "DeepEP", G::kCommunication, {}},
    {"deep_ep", "barrier", "DeepEP", G::kCommunicationSync, {}},
    {"deep_ep", "", "DeepEP", G::kCommunication, {}},
    {"ncclDevKernel", "", "NCCL", G::kCommunication, {}},
    {"ncclKernel", "", "NCCL", G::kCommunication, {}},
    {"nvshmem", "barrier", "NVSHMEM", G::kCommunicationSync, {}},
    {"nvshmem", "", "NVSHMEM", G::kCommunication, {}},
    // Attention.
    {"flash_fwd_splitkv_mla", "", "FlashMLA", G::kAttention, K::kAttentionDecode},
    {"flash_fwd_mla_combine", "", "FlashMLA", G::kAttentionAround, {}},
    {"get_mla_metadata", "", "FlashMLA", G::kAttentionAround, {}},
    {"flash_mla", "", "FlashMLA", G::kAttention, K::kAttentionDecode},
    {"FlashAttnBwdPreprocess", "", "FlashAttention", G::kAttentionAround, K::kAttentionPreprocess},
    {"FlashAttnBwdPostprocess", "", "FlashAttention", G::kAttentionAround, K::kAttentionPostprocess},
    {"flash_bwd_dot_do_o", "", "FlashAttention", G::kAttentionAround, K::kAttentionPreprocess},
    {"flash_bwd_convert_dq", "", "FlashAttention", G::kAttentionAround, K::kAttentionPostprocess},
    {"FlashAttnFwdCombine", "", "FlashAttention", G::kAttentionAround, {}},
    {"flash_fwd_splitkv_combine", "", "FlashAttention", G::kAttentionAround, {}},
    {"FlashAttnBwd", "", "FlashAttention", G::kAttention, K::kAttentionBackward},
    {"flash_bwd", "", "FlashAttention", G::kAttention, K::kAttentionBackward},
    {"flash_fwd_splitkv", "", "FlashAttention", G::kAttention, K::kAttentionDecode},
    {"FlashAttnFwd", "", "FlashAttention", G::kAttention, K::kAttentionForward},
    {"flash_fwd", "", "FlashAttention", G::kAttention, K::kAttentionForward},
    {"compute_attn_ws", "", "FlashAttention", G::kAttention, K::kAttentionForward},
    {"BatchDecodeWithPagedKV", "", "FlashInfer", G::kAttention, K::kAttentionDecode},
    {"BatchPrefillWith", "", "FlashInfer", G::kAttention, K::kAttentionForward},
    {"flashinfer", "MLA", "FlashInfer", G::kAttention, K::kAttentionDecode},
    {"cudnn", "sdpa", "cuDNN", G::kAttention, {}},
    {"cudnn", "fprop_f16", "cuDNN", G::kAttention, K::kAttentionForward},
    {"cudnn", "flash_fprop", "cuDNN", G::kAttention, K::kAttentionForward},
    {"cudnn", "flash_bprop", "cuDNN", G::kAttention, K::kAttentionBackward},
    {"cudnn", "", "cuDNN", G::kOther, {}},
    {"fmha_cutlassF", "", "PyTorch", G::kAttention, K::kAttentionForward},
    {"fmha_cutlassB", "", "PyTorch", G::kAttention, K::kAttentionBackward},
    {"fmhaSm90", "", "TensorRT-LLM", G::kAttention, {}},
    {"paged_attention", "", "vLLM", G::kAttention, K::kAttentionDecode},
    // Dense GEMMs of the vendor: nvjet is cuBLAS's own Hopper family, xmma the older one.
    {"nvjet_qqtst", "", "cuBLAS", G::kGemm, K::kGemmFp8},
    {"nvjet_qq", "", "cuBLAS", G::kGemm, K::kGemmFp8},
    {"nvjet_", "", "cuBLAS", G::kGemm, K::kGemmBf16},
    {"xmma_gemm_e4m3", "", "cuBLAS", G::kGemm, K::kGemmFp8},
    {"xmma_gemm_bf16", "", "cuBLAS", G::kGemm, K::kGemmBf16},
    {"xmma_gemm", "", "cuBLAS", G::kGemm, {}},
    {"cublasLt", "splitKreduce", "cuBLAS", G::kReduce, {}},
    {"cublasSplitK", "", "cuBLAS", G::kReduce, {}},
    {"gemvNSP", "", "cuBLAS", G::kGemm, {}},
    {"gemv2", "", "cuBLAS", G::kGemm, {}},
    {"cublas", "", "cuBLAS", G::kGemm, {}},
    {"_s16816gemm_bf16", "", "cuBLAS", G::kGemm, K::kGemmBf16},
    // DeepSeek's memory-bound kernels (the training trace).
    {"expand_to_fused", "", "DeepSeek", G::kPermute, K::kPermute},
    {"reduce_fused", "", "DeepSeek", G::kPermute, K::kUnpermute},
    {"swiglu_and_per_channel_cast_and_transpose", "", "DeepSeek", G::kQuantize, K::kSwiGluCastTranspose},
    {"swiglu_forward_backward", "", "DeepSeek", G::kActivation, K::kSwiGluForwardBackward},
    {"swiglu_weight_backward", "", "DeepSeek", G::kActivation, K::kRouterWeightGrad},
    {"swiglu_forward_with_weight_and_per_token_cast", "", "DeepSeek", G::kQuantize, K::kSwiGluCast},
    {"swiglu_backward", "", "DeepSeek", G::kActivation, K::kSwiGluBackward},
    {"per_token_cast_to_fp8_with_fp8_special_fmt", "", "DeepSeek", G::kQuantize, K::kSaveE5M6},
    {"per_token_cast_back_special_fmt", "", "DeepSeek", G::kQuantize, K::kRestoreE5M6},
    {"per_token_cast_to_fp8", "", "DeepSeek", G::kQuantize, K::kCastFp8},
    {"per_channel_cast_and_transpose<256, 128, true, true", "", "DeepSeek", G::kQuantize,
     K::kRequantizeGather},
    {"per_channel_cast_and_transpose", "", "DeepSeek", G::kQuantize, K::kCastTransposeFp8},
    {"cast_back_impl", "", "DeepSeek", G::kQuantize, K::kDequantize},
    {"batched_transpose", "", "DeepSeek", G::kQuantize, K::kTransposeFp8},
    {"topk_sum_and_topk_idx", "", "DeepSeek", G::kRoute, K::kTopK},
    {"clean_and_count_expert", "", "DeepSeek", G::kRoute, K::kRouterMisc},
    {"get_fused_mapping", "", "DeepSeek", G::kRoute, K::kRouterMisc},
    {"aux_fi_impl", "", "DeepSeek", G::kRoute, K::kRouterMisc},
    {"unique_group_indices", "", "DeepSeek", G::kRoute, K::kRouterMisc},
    {"layer_norm::ln_bwd_finalize", "", "FlashAttention", G::kNorm, {}},
    {"layer_norm::ln_bwd", "", "FlashAttention", G::kNorm, K::kRmsNormBackward},
    {"layer_norm::ln_fwd", "", "FlashAttention", G::kNorm, K::kRmsNorm},
    // Orrery's own suite.
    {"orrery", "mla_decode", "Orrery", G::kAttention, K::kAttentionDecode},
    {"orrery", "grouped_gemm", "Orrery", G::kGemm, K::kGroupedGemmFp8},
    {"orrery", "", "Orrery", G::kOther, {}},
    // Serving engines.
    {"moe_align_block_size", "", "vLLM", G::kRoute, K::kRouterMisc},
    {"fused_moe_kernel", "", "Triton", G::kGemm, {}},
    {"per_token_group_quant", "", "SGLang", G::kQuantize, K::kCastFp8},
    {"ep_scatter", "", "SGLang", G::kPermute, K::kPermute},
    {"ep_gather", "", "SGLang", G::kPermute, K::kUnpermute},
    {"grouped_topk", "", "vLLM", G::kRoute, K::kTopK},
    {"moe_fused_gate", "", "SGLang", G::kRoute, K::kTopK},
    {"topkGating", "", "vLLM", G::kRoute, K::kTopK},
    {"act_and_mul_kernel", "", "vLLM", G::kActivation, K::kSwiGlu},
    {"fused_add_rms_norm", "", "vLLM", G::kNorm, K::kRmsNorm},
    {"rms_norm", "", "vLLM", G::kNorm, K::kRmsNorm},
    {"RMSNorm", "", "FlashInfer", G::kNorm, K::kRmsNorm},
    {"rotary_embedding", "", "vLLM", G::kRope, K::kRope},
    {"concat_and_cache_mla", "", "vLLM", G::kCopy, K::kCopy},
    {"reshape_and_cache", "", "vLLM", G::kCopy, K::kCopy},
    {"cross_device_reduce", "", "vLLM", G::kCommunication, {}},
    {"allreduce_fusion", "", "FlashInfer", G::kCommunication, {}},
    // PyTorch.
    {"layer_norm_grad", "", "PyTorch", G::kNorm, {}},
    {"vectorized_layer_norm", "", "PyTorch", G::kNorm, K::kLayerNorm},
    {"multi_tensor_apply", "Adam", "PyTorch", G::kOptimizer, K::kAdamW},
    {"multi_tensor_apply", "LpNorm", "PyTorch", G::kOptimizer, K::kGradientNorm},
    {"multi_tensor_apply", "", "PyTorch", G::kOptimizer, {}},
    {"sbtopk", "", "PyTorch", G::kRoute, K::kTopK},
    {"mbtopk", "", "PyTorch", G::kRoute, K::kTopK},
    {"cunn_SoftMax", "", "PyTorch", G::kReduce, {}},
    {"softmax_warp", "", "PyTorch", G::kReduce, {}},
    {"embedding_backward", "", "PyTorch", G::kReduce, K::kEmbeddingBackward},
    {"indexSelect", "", "PyTorch", G::kCopy, K::kEmbedding},
    {"direct_copy_kernel", "", "PyTorch", G::kElementwise, K::kCopy},
    {"CatArrayBatchedCopy", "", "PyTorch", G::kElementwise, K::kCopy},
    {"CUDAFunctor_add<c10::BFloat16>", "", "PyTorch", G::kElementwise, K::kResidualAdd},
    {"reduce_kernel", "at::native", "PyTorch", G::kReduce, {}},
    {"elementwise_kernel", "", "PyTorch", G::kElementwise, {}},
    {"at::native", "", "PyTorch", G::kElementwise, {}},
    {"2at6native", "", "PyTorch", G::kElementwise, {}},
    // Compiled kernels.
    {"rotary_kernel", "", "Triton", G::kRope, K::kRope},
    {"_copy_tensor_kernel", "", "Triton", G::kElementwise, K::kCopy},
    {"cutlass", "grouped", "CUTLASS", G::kGemm, {}},
    {"cutlass", "float_e4m3", "CUTLASS", G::kGemm, K::kGemmFp8},
    {"cutlass", "bfloat16", "CUTLASS", G::kGemm, K::kGemmBf16},
    {"cutlass", "", "CUTLASS", G::kGemm, {}},
    // What the runtime does.
    {"Memcpy DtoH", "", "CUDA", G::kCopy, K::kHostCopy},
    {"Memcpy HtoD", "", "CUDA", G::kCopy, K::kHostCopy},
    {"Memcpy", "", "CUDA", G::kCopy, K::kCopy},
    {"Memset", "", "CUDA", G::kCopy, K::kMemset},
};

bool Holds(std::string_view name, std::string_view word) { return name.find(word) != std::string_view::npos; }

}  // namespace

KernelClass ClassifyKernel(std::string_view name) {
  for (const Row& row : kRows) {
    if (Holds(name, row.word) && Holds(name, row.also)) return {row.library, row.group, row.kind};
  }
  return {"unknown", KernelGroup::kOther, std::nullopt};
}

std::string_view Name(KernelGroup group) {
  constexpr std::array<std::string_view, 16> kNames = {"GEMM",
                                                       "attention core",
                                                       "attention pre/post",
                                                       "quantise, cast, transpose",
                                                       "activation",
                                                       "norm",
                                                       "routing",
                                                       "permute",
                                                       "RoPE",
                                                       "elementwise",
                                                       "reduce",
                                                       "optimizer",
                                                       "communication payload",
                                                       "communication sync",
                                                       "copy",
                                                       "other"};
  return kNames[static_cast<std::size_t>(group)];
}

bool IsCommunication(KernelGroup group) {
  return group == KernelGroup::kCommunication || group == KernelGroup::kCommunicationSync;
}

std::string ShortKernelName(std::string_view name, std::size_t width) {
  if (name.starts_with("void ")) name.remove_prefix(5);
  std::string text;
  int depth = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool anonymous = name.substr(i).starts_with("(anonymous namespace)");
    if (anonymous && depth == 0) {
      i += 22;  // with the "::" behind it
      continue;
    }
    if ((name[i] == '(' || name[i] == '>' || name[i] == ',') && depth == 0) break;
    if (name[i] == '<') ++depth;
    if (depth == 0) text += name[i];
    if (name[i] == '>' && depth > 0) --depth;
  }
  // A wrapper says nothing: show what it wraps.
  const bool wrapper = text == "cutlass::device_kernel" || text == "cutlass::Kernel2";
  if (wrapper && name.find('<') != std::string_view::npos)
    return ShortKernelName(name.substr(name.find('<') + 1), width);
  if (text.empty()) text = name;
  if (text.size() > width) text = text.substr(0, width - 3) + "...";
  return text;
}

}  // namespace orrery::profiler
