// Kernel names of the public ecosystem, as profilers show them, and what each is.
#include <gtest/gtest.h>

#include "profiler/measurement/classify.h"

namespace orrery::profiler {
namespace {

using G = KernelGroup;
using K = OpKind;
using E = ElementType;

struct Named {
  const char* name;
  const char* library;
  KernelGroup group;
  ElementType type;  ///< of GEMMs and attention
  std::optional<OpKind> kind;
};

const Named kNames[] = {
    {"nvjet_tst_128x128_64x4_2x1_v_bz_TNT", "cuBLAS", G::kGemm, E::kBf16, K::kGemmBf16},
    {"nvjet_hsh_256x128_64x4_1x2_h_bz_coopA_NNT", "cuBLAS", G::kGemm, E::kFp16, {}},
    {"nvjet_qqtst_128x256_128x5_2x1_v_bz_TNT", "cuBLAS", G::kGemm, E::kFp8, K::kGemmFp8},
    {"nvjet_sm100_tst_64x8_64x16_2x4_h_bz_splitK_TNT", "cuBLAS", G::kGemm, E::kBf16, K::kGemmBf16},
    {"nvjet_sm100_qqtst_128x256_128x6_2x1_2cta_v_bz_bias_TNT", "cuBLAS", G::kGemm, E::kFp8, K::kGemmFp8},
    {"nvjet_sm100_ootst_128x128_256x7_4x1_2cta_v_bx_Avec16UE4M3_Bvec16UE4M3_TNT",
     "cuBLAS",
     G::kGemm,
     E::kFp4,
     {}},
    {"nvjet_sm100_oohsh_128x256_256x5_2x2_2cta_h_bz_Avec16UE4M3_Bvec16UE4M3_TNT",
     "cuBLAS",
     G::kGemm,
     E::kFp4,
     {}},
    {"nvjet_sm90_hss_320x128_64x3_1x2_h_bz_TNN", "cuBLAS", G::kGemm, E::kFp16, {}},
    {"nvjet_sss_tf32_128x256_64x4_2x1_v_bz_TNT", "cuBLAS", G::kGemm, E::kTf32, {}},
    {"nvjet_sss_128x256_64x4_2x1_v_bz_TNT", "cuBLAS", G::kGemm, E::kFp32, {}},
    {"nvjet_sm120_tst_mma_64x64x128_3_32x32x128_tmaAB_alignCD4_bz_TNNN", "cuBLAS", G::kGemm, E::kBf16,
     K::kGemmBf16},
    {"sm90_xmma_gemm_bf16bf16_bf16f32_f32_nn_n_tilesize128x128x64_warpgroupsize1x1x1_execute_segment_k_off_"
     "kernel__5x_cublas",
     "cuBLAS", G::kGemm, E::kBf16, K::kGemmBf16},
    {"sm90_xmma_gemm_e4m3bf16_e4m3f32_f32_tn_n_tilesize128x128x128_cgasize1x2x1_cublas", "cuBLAS", G::kGemm,
     E::kFp8, K::kGemmFp8},
    {"sm80_xmma_gemm_f32f32_tf32f32_f32_nn_n_tilesize128x128x16_stage4_warpsize2x2x1_ffma_cublas",
     "cuBLAS",
     G::kGemm,
     E::kTf32,
     {}},
    {"sm80_xmma_gemm_f32f32_f32f32_f32_nn_n_simt_sgemm_128x128x8_cublas", "cuBLAS", G::kGemm, E::kFp32, {}},
    {"sm80_xmma_gemm_f16f16_f16f32_f32_tn_n_tilesize64x64x64_cublas", "cuBLAS", G::kGemm, E::kFp16, {}},
    {"sm86_xmma_fprop_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize128x128x32",
     "cuDNN",
     G::kOther,
     E::kUnknown,
     {}},
    {"ampere_sgemm_128x64_tn", "cuBLAS", G::kGemm, E::kFp32, {}},
    {"volta_sgemm_32x128_nn", "cuBLAS", G::kGemm, E::kFp32, {}},
    {"ampere_fp16_s16816gemm_fp16_128x128_ldg8_f2f_stages_32x5_tn", "cuBLAS", G::kGemm, E::kFp16, {}},
    {"ampere_bf16_s16816gemm_bf16_256x128_ldg8_f2f_stages_32x3_nn", "cuBLAS", G::kGemm, E::kBf16,
     K::kGemmBf16},
    {"ampere_bf16_s1688gemm_bf16_128x128_ldg8_f2f_stages_32x1_nn", "cuBLAS", G::kGemm, E::kBf16,
     K::kGemmBf16},
    {"ampere_s16816gemm_fp16_64x64_ldg8_stages_64x5_tn", "cuBLAS", G::kGemm, E::kFp16, {}},
    {"ampere_h16816gemm_256x128_ldg8_stages_32x3_nt", "cuBLAS", G::kGemm, E::kFp16, {}},
    {"turing_fp16_s1688gemm_fp16_128x128_ldg8_f2f_tn", "cuBLAS", G::kGemm, E::kFp16, {}},
    {"volta_fp16_s884gemm_fp16_128x64_ldg8_f2f_nn", "cuBLAS", G::kGemm, E::kFp16, {}},
    {"volta_fp16_sgemm_fp16_64x64_tn", "cuBLAS", G::kGemm, E::kFp16, {}},
    {"void "
     "cutlass::Kernel2<cutlass_80_tensorop_s1688gemm_128x256_16x3_tn_align4>(cutlass_80_tensorop_s1688gemm_"
     "128x256_16x3_tn_align4::Params)",
     "CUTLASS",
     G::kGemm,
     E::kTf32,
     {}},
    {"void "
     "cutlass::Kernel2<cutlass_80_tensorop_bf16_s16816gemm_relu_bf16_256x64_32x4_tn_align8>(cutlass_80_"
     "tensorop_bf16_s16816gemm_relu_bf16_256x64_32x4_tn_align8::Params)",
     "CUTLASS", G::kGemm, E::kBf16, K::kGemmBf16},
    {"void "
     "cutlass::Kernel2<cutlass_80_wmma_tensorop_bf16_s161616gemm_bf16_16x16_128x2_tn_align8>(cutlass_80_wmma_"
     "tensorop_bf16_s161616gemm_bf16_16x16_128x2_tn_align8::Params)",
     "CUTLASS", G::kGemm, E::kBf16, K::kGemmBf16},
    {"void "
     "cutlass::Kernel2<cutlass_80_simt_sgemm_64x64_8x5_tn_align1>(cutlass_80_simt_sgemm_64x64_8x5_tn_align1::"
     "Params)",
     "CUTLASS",
     G::kGemm,
     E::kFp32,
     {}},
    {"void cutlass::Kernel2<cutlass_75_tensorop_i8816gemm_s8_128x64_64x2_tn_align16>(X::Params)",
     "CUTLASS",
     G::kGemm,
     E::kInt8,
     {}},
    {"cutlass3x_sm90_tensorop_s64x256x32gemm_e4m3_e4m3_f32_bf16_bf16_128x256x64_2x1x1_0_tnt_align16_"
     "warpspecialized",
     "CUTLASS", G::kGemm, E::kFp8, K::kGemmFp8},
    {"cutlass3x_sm100_bstensorop_s256x192x64gemm_block_scaled_ue4m3xf4_ue4m3xf4_f32_f16_f16_256x192x256_0_"
     "tnn_align32_o_vs16_2sm_bias_f16_relu",
     "CUTLASS",
     G::kGemm,
     E::kFp4,
     {}},
    {"cutlass3x_sm100_simt_sgemm_f32_f32_f32_f32_f32_128x64x16_1x1x1_3_tnn_align1_bias_f32_relu",
     "CUTLASS",
     G::kGemm,
     E::kFp32,
     {}},
    {"void cublasLt::splitKreduce_kernel<32, 16, int, __nv_bfloat16, __nv_bfloat16, float, __nv_bfloat16, "
     "true, false, false>(cublasLt::cublasSplitKParams<__nv_bfloat16>, float const*)",
     "cuBLAS",
     G::kReduce,
     E::kUnknown,
     {}},
    {"void gemv2T_kernel_val<int, int, __nv_bfloat16, __nv_bfloat16, __nv_bfloat16, float, 128, 16, 4, 4, "
     "false, false, cublasGemvParamsEx<int>>(cublasGemvParamsEx<int>, float, float)",
     "cuBLAS", G::kGemm, E::kBf16, K::kGemmBf16},
    {"std::enable_if<!(false), void>::type internal::gemvx::kernel<int, int, __half, __half, __half, float, "
     "false, true, true, false, 7, false, cublasGemvParamsEx<int>>(cublasGemvParamsEx<int>)",
     "cuBLAS",
     G::kGemm,
     E::kFp16,
     {}},
    {"void gemmSN_TN_kernel<float, 128, 16, 2, 4, 4, 4, true, cublasGemvTensorStridedBatched<float "
     "const>>(int)",
     "cuBLAS",
     G::kGemm,
     E::kFp32,
     {}},
    {"void reduce_1Block_kernel<float, 128, 7, cublasGemvTensorStridedBatched<float>>(float const*)",
     "cuBLAS",
     G::kReduce,
     E::kUnknown,
     {}},
    {"Cijk_Alik_Bljk_BBS_BH_Bias_HA_S_SAV_UserArgs_MT128x256x32_MI16x16x1", "Tensile", G::kGemm, E::kBf16,
     K::kGemmBf16},
    {"Cijk_Ailk_Bljk_HHS_BH_Bias_AS_SAV_UserArgs_MT256x256x64_MI16x16x1", "Tensile", G::kGemm, E::kFp16, {}},
    {"Cijk_Alik_Bljk_SB_MT64x32x8_SE_1LDSB0", "Tensile", G::kGemm, E::kFp32, {}},
    {"Cijk_Ailk_Bljk_S_MX_B_Bias_HA_S_SAV_UserArgs_MT128x128x32", "Tensile", G::kGemm, E::kTf32, {}},
    {"Cijk_Alik_Bljk_F8BS_BH_Bias_HA_S_SAB_SAV_UserArgs_MT256x256x128", "Tensile", G::kGemm, E::kFp8,
     K::kGemmFp8},
    {"Custom_Cijk_Alik_Bljk_F8B8BS_BH_Bias_shortname1", "Tensile", G::kGemm, E::kFp8, K::kGemmFp8},
    {"Cijk_Alik_Bljk_I8II_BH_UserArgs_MT64x64x64", "Tensile", G::kGemm, E::kInt8, {}},
    {"Cijk_Ailk_Bjlk_DB_MT64x64x8_MI16x16x4", "Tensile", G::kGemm, E::kFp64, {}},
    {"Cijk_SB_PostGSU4", "Tensile", G::kReduce, E::kUnknown, {}},
    {"bmm_MxE4m3_MxE2m1MxE4m3_Fp32_t128x16x256u2_s3_et128x16_m128x16x64_cga1x1x1_16dp256b_TN_transOut_schedS",
     "TensorRT-LLM",
     G::kGemm,
     E::kMixed,
     {}},
    {"bmm_Bfloat16_E2m1E2m1_Fp32_bA16_bB16_bC16_t128x8x512u2_s4_et128x8",
     "TensorRT-LLM",
     G::kGemm,
     E::kFp4,
     {}},
    {"bmm_E4m3_E4m3E4m3_Fp32_t128x64x128u2_s6_et64x64_m64x64x32_cga1x1x1_16dp256b_TN_transOut_schS_biasM_bN_"
     "ldgsts_clmp_swiGlu_dynBatch_sm100f",
     "TensorRT-LLM",
     G::kGemm,
     E::kFp8,
     {}},
    {"gemm_Bfloat16_E4m3E4m3_Fp32_t128x8x128_s7_et128x8", "TensorRT-LLM", G::kGemm, E::kFp8, K::kGemmFp8},
    {"fmhaSm100aKernel_QkvE4m3OBfloat16H64PagedKvCausalP16VarSeqQ128Kv128",
     "TensorRT-LLM",
     G::kAttention,
     E::kFp8,
     {}},
    {"fmhaSm100fKernel_QkvBfloat16OBfloat16HQk576HV512PagedKvDenseP32VarSeqQ16Kv128PersistentSwapsAbForGen",
     "TensorRT-LLM", G::kAttention, E::kBf16, K::kAttentionDecode},
    {"fmhaSm103aKernel_QkvBfloat16OBfloat16HQk192HV128SeparateQkvCausalVarSeqQ128Kv128PersistentContext",
     "TensorRT-LLM", G::kAttention, E::kBf16, K::kAttentionForward},
    {"fmhaSm100fKernel_QkvFp16OFp16H128PagedKvCausalP64MultiCtasKvVarSeqQ32Kv128StaticSwapsAbForGen",
     "TensorRT-LLM", G::kAttention, E::kFp16, K::kAttentionDecode},
    {"fmha_v2_flash_attention_bf16_64_128_S_q_paged_kv_128_causal_sm90_kernel_nl", "TensorRT-LLM",
     G::kAttention, E::kBf16, K::kAttentionForward},
    {"kernel_mha", "TensorRT-LLM", G::kAttention, E::kUnknown, K::kAttentionDecode},
    {"void tensorrt_llm::kernels::mmha::masked_multihead_attention_kernel<unsigned short, unsigned "
     "short>(int)",
     "TensorRT-LLM", G::kAttention, E::kUnknown, K::kAttentionDecode},
    {"void moe::dev::finalize::finalizeKernelVecLoad<moe::dev::finalize::KernelParams<cutlass::bfloat16_t, "
     "float, true> >(moe::dev::finalize::KernelParams<cutlass::bfloat16_t, float, true>)",
     "TensorRT-LLM", G::kPermute, E::kUnknown, K::kUnpermute},
    {"void "
     "moe::dev::routing::routingDeepSeek::routingMainKernel<moe::dev::routing::routingDeepSeek::KernelParams<"
     "float, __nv_bfloat16, 256>>(int)",
     "TensorRT-LLM", G::kRoute, E::kUnknown, K::kRouterMisc},
    {"void "
     "moe::dev::activation::activationDeepSeekKernel<moe::dev::activation::KernelParams<cutlass::float_e4m3_"
     "t, true>>(int)",
     "TensorRT-LLM",
     G::kActivation,
     E::kUnknown,
     {}},
    {"void moe::dev::permute::permuteKernel<moe::dev::permute::KernelParams<cutlass::float_e4m3_t, "
     "true>>(int)",
     "TensorRT-LLM", G::kPermute, E::kUnknown, K::kPermute},
    {"void tensorrt_llm::kernels::cutlass_kernels::finalizeMoeRoutingKernel<__nv_bfloat16, __nv_bfloat16, "
     "__nv_bfloat16, (tensorrt_llm::kernels::cutlass_kernels::ScaleMode)1>(int)",
     "TensorRT-LLM", G::kPermute, E::kUnknown, K::kUnpermute},
    {"void tensorrt_llm::kernels::cutlass_kernels::expandInputRowsKernel<__nv_bfloat16, __nv_fp4_e2m1>(int)",
     "TensorRT-LLM", G::kPermute, E::kUnknown, K::kPermute},
    {"void tensorrt_llm::kernels::cutlass_kernels::doActivationKernel<__nv_bfloat16, __nv_bfloat16>(int)",
     "TensorRT-LLM",
     G::kActivation,
     E::kUnknown,
     {}},
    {"void "
     "tensorrt_llm::kernels::cutlass_kernels::computeStridesTmaWarpSpecializedKernel<__nv_bfloat16>(int)",
     "TensorRT-LLM", G::kRoute, E::kUnknown, K::kRouterMisc},
    {"void tensorrt_llm::kernels::cutlass_kernels::fusedBuildExpertMapsSortFirstTokenKernel<32, 8>(int)",
     "TensorRT-LLM", G::kRoute, E::kUnknown, K::kRouterMisc},
    {"void tensorrt_llm::kernels::quantize_with_block_size<(tensorrt_llm::BlockScaleQuantizationType)0, "
     "__nv_bfloat16, 16, false>(int)",
     "TensorRT-LLM",
     G::kQuantize,
     E::kUnknown,
     {}},
    {"void "
     "tensorrt_llm::kernels::ar_fusion::allreduce_fusion_kernel_oneshot_lamport<(tensorrt_llm::kernels::ar_"
     "fusion::AllReduceFusionPattern)1, __nv_bfloat16, 8, true>(int)",
     "TensorRT-LLM",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"void tensorrt_llm::kernels::oneShotAllReduceKernel<__nv_bfloat16, 8, "
     "true>(tensorrt_llm::kernels::AllReduceParams)",
     "TensorRT-LLM",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"void tensorrt_llm::kernels::twoShotAllReduceKernel<__half, 8, "
     "true>(tensorrt_llm::kernels::AllReduceParams)",
     "TensorRT-LLM",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"void tensorrt_llm::kernels::reduce_fusion::lamport_style_one_shot_all_reduce_norm_kernel<1, "
     "__nv_bfloat16, 8, false, false, true>(int)",
     "TensorRT-LLM",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"void "
     "tensorrt_llm::kernels::moe_comm::moeA2ADispatchKernel<tensorrt_llm::kernels::moe_comm::WarpPolicy, "
     "8>(int)",
     "TensorRT-LLM",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"void tensorrt_llm::kernels::moe_comm::moeA2ACombineKernel<__nv_bfloat16, 8>(int)",
     "TensorRT-LLM",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"void tensorrt_llm::kernels::moeAllToAllKernel<false>(int)",
     "TensorRT-LLM",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"void "
     "flashinfer::trtllm_allreduce_fusion::allreduce_fusion_kernel_oneshot_lamport<(flashinfer::trtllm_"
     "allreduce_fusion::AllReduceFusionPattern)1, __nv_bfloat16, 8, true>(int)",
     "FlashInfer",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"void flashinfer::trtllm_mnnvl_allreduce::twoshotAllreduceKernel<8, __nv_bfloat16>(int)",
     "FlashInfer",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"void flashinfer::trtllm_mnnvl_allreduce::rmsNormLamport<__nv_bfloat16>(int)", "FlashInfer", G::kNorm,
     E::kUnknown, K::kRmsNorm},
    {"void vllm::cross_device_reduce_1stage<__nv_bfloat16, 8>(vllm::RankData*, vllm::RankSignals, "
     "vllm::Signal*, __nv_bfloat16*, int, int)",
     "vLLM",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"void sglang::cross_device_reduce_2stage<__nv_bfloat16, 8>(int)",
     "SGLang",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"void aiter::cross_device_reduce_2stage<__hip_bfloat16, 8, false>(int)",
     "AITER",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"void (anonymous namespace)::multimem_all_reduce_kernel<c10::BFloat16, 16, 8>(c10::BFloat16*, unsigned "
     "long, unsigned int**, unsigned long, unsigned long)",
     "PyTorch",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"void (anonymous namespace)::two_shot_all_reduce_kernel<c10::BFloat16, 16, 8>(c10::BFloat16**, unsigned "
     "long)",
     "PyTorch",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"void <unnamed>::one_shot_all_reduce_kernel<c10::BFloat16, 16, 8, true>(c10::BFloat16**)",
     "PyTorch",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"void (anonymous namespace)::multimem_one_shot_all_reduce_kernel<float, 16>(float*)",
     "PyTorch",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"void c10d::symmetric_memory::multimem_all_gather_kernel<16>(void*)",
     "PyTorch",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"void c10d::nvshmem_extension::allToAllV(void*, void*)", "PyTorch", G::kCommunication, E::kUnknown, {}},
    {"ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)",
     "NCCL",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"ncclDevKernel_Generic_4(ncclDevKernelArgsStorage<4096ul>)", "RCCL", G::kCommunication, E::kUnknown, {}},
    {"ncclSymkDevKernel_AllReduce_AGxLL_R_sum_f32(ncclSymkDevWorkArgs4K)",
     "NCCL",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"ncclKernel_AllGather_RING_LL_Sum_int8_t(ncclDevComm*, unsigned long, ncclWork*)",
     "NCCL",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"mscclKernel_Sum_half_Simple_false(ncclDevComm*)", "MSCCL", G::kCommunication, E::kUnknown, {}},
    {"nvshmemi_barrier_on_stream_kernel", "NVSHMEM", G::kCommunicationSync, E::kUnknown, {}},
    {"void nvshmemi_alltoall_on_stream_kernel<float>(int)", "NVSHMEM", G::kCommunication, E::kUnknown, {}},
    {"barrier_all_on_stream_kernel_threadgroup", "NVSHMEM", G::kCommunicationSync, E::kUnknown, {}},
    {"userbuffers_fp16_sum_inplace_gpu_mc(int, int, int, int, int, int, void**, int, uint4*)",
     "Transformer Engine",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"kuserbuffers_pushrecv(int, int, int, int, int, int)",
     "Transformer Engine",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"kuserbuffers_inc(int*)", "Transformer Engine", G::kCommunicationSync, E::kUnknown, {}},
    {"void quickreduce::allreduce_prototype_twoshot<quickreduce::AllReduceTwoshot<__half, "
     "quickreduce::CodecQ4<__half, 8>, true>, __half>(__half const*)",
     "quick_reduce",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"void a2a_dispatch_recv_kernel<16, 8, NotFixed, NotFixed>(unsigned long)",
     "pplx",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"void a2a_combine_send_kernel<16, 8>(unsigned long)", "pplx", G::kCommunication, E::kUnknown, {}},
    {"void (anonymous namespace)::dispatchKernel<true, true, 10, 8>(int)",
     "pplx",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"_ZN7deep_ep9internode8dispatchILb0ELi8ELb1ELi8EEEvP4int4",
     "DeepEP",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"void deep_ep::internode_ll::combine<true, false, 7168, 9, 32>(void*)",
     "DeepEP",
     G::kCommunication,
     E::kUnknown,
     {}},
    {"void deep_ep::internode_ll::clean_low_latency_buffer<512>(int*)",
     "DeepEP",
     G::kCommunicationSync,
     E::kUnknown,
     {}},
    {"void deep_ep::intranode::barrier<8>(int**, int)", "DeepEP", G::kCommunicationSync, E::kUnknown, {}},
    {"void deep_ep::layout::get_dispatch_layout<256, 4, 2>(long const*)", "DeepEP", G::kRoute, E::kUnknown,
     K::kRouterMisc},
    {"void uccl::internode_ll::dispatch<true, 7168>(void*)", "DeepEP", G::kCommunication, E::kUnknown, {}},
    {"Memcpy PtoP (Device -> Device)", "CUDA", G::kCommunication, E::kUnknown, {}},
    {"Memcpy DtoH (Device -> Pinned)", "CUDA", G::kCopy, E::kUnknown, K::kHostCopy},
    {"Memcpy DtoD (Device -> Device)", "CUDA", G::kCopy, E::kUnknown, K::kCopy},
    {"Memset (Device)", "CUDA", G::kCopy, E::kUnknown, K::kMemset},
    {"[CUDA memcpy Device-to-Host]", "CUDA", G::kCopy, E::kUnknown, K::kHostCopy},
    {"CopyHostToDevice", "HIP", G::kCopy, E::kUnknown, K::kHostCopy},
    {"FillBuffer", "HIP", G::kCopy, E::kUnknown, K::kMemset},
    {"void deep_gemm::sm90_fp8_gemm_1d2d_impl<(cute::UMMA::Major)0, 0u, 2112u, 7168u, 1u, 64u, 96u, 128u, "
     "128u, 128u, 0u, 6u, 128u, 128u, 2u, false, 132u, (deep_gemm::GemmType)0, EpilogueIdentity>(float*)",
     "DeepGEMM", G::kGemm, E::kFp8, K::kGemmFp8},
    {"void deep_gemm::sm90_fp8_gemm_1d2d_impl<0u, 4096u, 7168u, 8u, 64u, (deep_gemm::GemmType)1>(float*)",
     "DeepGEMM", G::kGemm, E::kFp8, K::kGroupedGemmFp8},
    {"void deep_gemm::sm100_fp8_gemm_1d1d_impl<(cute::UMMA::Major)0, 0u, 4096u, 7168u, "
     "(deep_gemm::GemmType)2, false, cutlass::bfloat16_t>(int*)",
     "DeepGEMM", G::kGemm, E::kFp8, K::kGroupedGemmFp8Masked},
    {"void deep_gemm::sm90_bf16_gemm_impl<(cute::UMMA::Major)0, 0u, 256u, 7168u, (deep_gemm::GemmType)0, "
     "false, cutlass::bfloat16_t>(int*)",
     "DeepGEMM", G::kGemm, E::kBf16, K::kGemmBf16},
    {"void deep_gemm::sm90_fp8_mqa_logits<32u, 128u>(unsigned int)",
     "DeepGEMM",
     G::kAttentionAround,
     E::kUnknown,
     {}},
    {"void deep_gemm::transpose_fp32<512u, 64u, 56u>(float const*, float*, unsigned int)", "DeepGEMM",
     G::kQuantize, E::kUnknown, K::kScaleTranspose},
    {"_ZN9deep_gemm24sm90_fp8_gemm_1d2d_implILN4cute4UMMA5MajorE0ELj0ELj2112ELj7168ELj1ELNS_"
     "8GemmTypeE2EEEvPf",
     "DeepGEMM", G::kGemm, E::kFp8, K::kGemmFp8},
    {"void "
     "cutlass::device_kernel<flash::enable_sm90<flash::FlashAttnFwdSm90<flash::CollectiveMainloopFwdSm90<2, "
     "cute::tuple<cute::C<1>>, cutlass::bfloat16_t, float, "
     "cutlass::arch::Sm90>>>>(flash::FlashAttnFwdSm90<int>::Params)",
     "FlashAttention", G::kAttention, E::kBf16, K::kAttentionForward},
    {"void flash::flash_fwd_kernel<Flash_fwd_kernel_traits<128, 128, 64, 4, false, false, "
     "cutlass::bfloat16_t>, false, true>(flash::Flash_fwd_params)",
     "FlashAttention", G::kAttention, E::kBf16, K::kAttentionForward},
    {"void flash::flash_fwd_splitkv_kernel<Flash_fwd_kernel_traits<128, 64, 256, 4, false, false, "
     "cutlass::half_t>>(flash::Flash_fwd_params)",
     "FlashAttention", G::kAttention, E::kFp16, K::kAttentionDecode},
    {"void flash::flash_fwd_splitkv_combine_kernel<Flash_fwd_kernel_traits<128, 64, 256, 4, "
     "cutlass::bfloat16_t>, 4, 5, true>(flash::Flash_fwd_params)",
     "FlashAttention",
     G::kAttentionAround,
     E::kUnknown,
     {}},
    {"void flash::flash_bwd_dq_dk_dv_loop_seqk_parallel_kernel<Flash_bwd_kernel_traits<128, 64, 128, 8, "
     "cutlass::bfloat16_t>>(flash::Flash_bwd_params)",
     "FlashAttention", G::kAttention, E::kBf16, K::kAttentionBackward},
    {"void flash::flash_bwd_convert_dq_kernel<Flash_bwd_kernel_traits<128, "
     "cutlass::bfloat16_t>>(flash::Flash_bwd_params, int)",
     "FlashAttention", G::kAttentionAround, E::kUnknown, K::kAttentionPostprocess},
    {"kernel_cutlass_kernel_flash_attncuteflash_fwd_sm100FlashAttentionForwardSm100_object_at__"
     "tensorptrbf16gmemalign16o",
     "FlashAttention", G::kAttention, E::kUnknown, K::kAttentionForward},
    {"kernel_cutlass_kernel___main__PersistentDenseGemmKernel_object_at__TiledMMA_ThrLayoutVMNK11110000",
     "CUTLASS",
     G::kGemm,
     E::kUnknown,
     {}},
    {"kernel_cutlass_kernel_flashinfernormkernelsfused_add_rmsnormFusedAddRMSNormKernel_object_at__tensorptr",
     "CUTLASS", G::kNorm, E::kUnknown, K::kRmsNorm},
    {"void flashinfer::BatchPrefillWithPagedKVCacheKernel<(flashinfer::MaskMode)1, 128u, 8u, 8u, "
     "__nv_bfloat16>(int)",
     "FlashInfer", G::kAttention, E::kBf16, K::kAttentionForward},
    {"void flashinfer::BatchDecodeWithPagedKVCacheKernel<(flashinfer::PosEncodingMode)0, 2u, 4u, 8u, 16u, "
     "1u, 8u, __half>(int)",
     "FlashInfer", G::kAttention, E::kFp16, K::kAttentionDecode},
    {"void flashinfer::mla::BatchMLAPagedAttentionKernel<flashinfer::mla::KernelTraits<false, 2u, "
     "__nv_bfloat16>>(int)",
     "FlashInfer", G::kAttention, E::kBf16, K::kAttentionDecode},
    {"void flashinfer::PersistentVariableLengthMergeStatesKernel<8u, 16u, 8u, 4u, __nv_bfloat16>(int)",
     "FlashInfer",
     G::kAttentionAround,
     E::kUnknown,
     {}},
    {"void flashinfer::norm::FusedAddRMSNormKernel<8u, __nv_bfloat16>(__nv_bfloat16*)", "FlashInfer",
     G::kNorm, E::kUnknown, K::kRmsNorm},
    {"void flashinfer::activation::act_and_mul_kernel<__nv_bfloat16, &silu>(__nv_bfloat16*)", "FlashInfer",
     G::kActivation, E::kUnknown, K::kSwiGlu},
    {"void flashinfer::BatchQKApplyRotaryPosIdsCosSinCacheHeadParallelismKernel<false, 128u, 8u, 16u, "
     "__nv_bfloat16, long>(int)",
     "FlashInfer", G::kRope, E::kUnknown, K::kRope},
    {"void flashinfer::sampling::TopKTopPSamplingFromProbKernel<1024u, float, int>(float*)",
     "FlashInfer",
     G::kOther,
     E::kUnknown,
     {}},
    // cuDNN names them so in BF16 training too.
    {"cudnn_generated_fort_native_sdpa_sm90_flash_fprop_wgmma_f16_knob_7_64x128x128_4x1x1_kernel0_0", "cuDNN",
     G::kAttention, E::kUnknown, K::kAttentionForward},
    {"cudnn_generated_fort_native_sdpa_sm90_flash_bprop_wgmma_f16_knob_30_64x64x128", "cuDNN", G::kAttention,
     E::kUnknown, K::kAttentionBackward},
    {"void vllm::paged_attention_v2_kernel<unsigned short, unsigned short, 128, 16, 128, "
     "(vllm::Fp8KVCacheDataType)0, false, 512>(float*, float*, unsigned short*)",
     "vLLM", G::kAttention, E::kUnknown, K::kAttentionDecode},
    {"fmha_cutlassF_bf16_aligned_64x128_rf_sm80(PyTorchMemEffAttention::AttentionKernel<cutlass::bfloat16_t, "
     "cutlass::arch::Sm80>::Params)",
     "PyTorch", G::kAttention, E::kBf16, K::kAttentionForward},
    {"fmha_cutlassB_f32_aligned_64x64_k65536_sm80(PyTorchMemEffAttention::AttentionBackwardKernel<float>::"
     "Params)",
     "PyTorch", G::kAttention, E::kFp32, K::kAttentionBackward},
    {"kernel_unified_attention_2d", "vLLM", G::kAttention, E::kUnknown, {}},
    {"_fwd_kernel", "Triton", G::kAttention, E::kUnknown, K::kAttentionForward},
    {"_fwd_grouped_kernel_stage1", "SGLang", G::kAttention, E::kUnknown, K::kAttentionDecode},
    {"_fwd_kernel_stage2", "SGLang", G::kAttentionAround, E::kUnknown, {}},
    {"_fwd_kernel_ep_scatter_2", "SGLang", G::kPermute, E::kUnknown, K::kPermute},
    {"_fwd_kernel_ep_gather", "SGLang", G::kPermute, E::kUnknown, K::kUnpermute},
    {"void vllm::paged_attention_v1_kernel<unsigned short, unsigned short, 128, 16, 128, "
     "(vllm::Fp8KVCacheDataType)0, false>(int)",
     "vLLM", G::kAttention, E::kUnknown, K::kAttentionDecode},
    {"void paged_attention_ll4mi_QKV_mfma16_kernel<__hip_bfloat16, __hip_bfloat16, 16, 128, 256, false, "
     "8>(int) [clone .kd]",
     "vLLM", G::kAttention, E::kBf16, K::kAttentionDecode},
    {"void paged_attention_ll4mi_reduce_kernel<__hip_bfloat16, __hip_bfloat16, 128, 128, 256>(int)",
     "vLLM",
     G::kAttentionAround,
     E::kUnknown,
     {}},
    {"_ZN5aiter38fmha_fwd_hd128_bf16_causal_rtne_groupE", "AITER", G::kAttention, E::kBf16,
     K::kAttentionForward},
    {"_ZN5aiter36mla_a16w16_qh16_m16x4_n16x1_coex0_mask1E", "AITER", G::kAttention, E::kUnknown,
     K::kAttentionDecode},
    {"_ZN5aiter37fmoe_bf16_pertokenFp8_g1u1_vs_silu_1tg_32x512E", "AITER", G::kGemm, E::kUnknown, {}},
    {"void ck_tile::kentry<1, ck_tile::FmhaFwdKernel<ck_tile::BlockFmhaPipelineQRKSVSAsync<ck_tile::bf16_t>, "
     "ck_tile::Default2DEpilogue<int>>>(ck_tile::FmhaFwdKernel<int>::Kargs)",
     "Composable Kernel", G::kAttention, E::kBf16, K::kAttentionForward},
    {"void ck::kernel_gemm_xdl_cshuffle_v3<ck::GridwiseGemm_xdl_cshuffle_v3<ck::bhalf_t>, true>(int)",
     "Composable Kernel",
     G::kGemm,
     E::kBf16,
     {}},
    {"mfma_moe2_afp4_wfp4_bf16_cshuffle_t64x128x256_vs", "AITER", G::kGemm, E::kUnknown, {}},
    {"_gemm_a8w8_blockscale_kernel", "unknown", G::kGemm, E::kUnknown, {}},
    {"std::enable_if<(((8)>(0)))&&true, void>::type vllm::fused_add_rms_norm_kernel<c10::BFloat16, "
     "8>(c10::BFloat16*, long, c10::BFloat16*, c10::BFloat16 const*, float, int, int)",
     "vLLM", G::kNorm, E::kUnknown, K::kRmsNorm},
    {"void vllm::rms_norm_kernel<c10::BFloat16>(c10::BFloat16*, c10::BFloat16 const*, float, int, int)",
     "vLLM", G::kNorm, E::kUnknown, K::kRmsNorm},
    {"void vllm::act_and_mul_kernel<c10::BFloat16, &vllm::silu_kernel<c10::BFloat16>, true>(c10::BFloat16*, "
     "c10::BFloat16 const*, int)",
     "vLLM", G::kActivation, E::kUnknown, K::kSwiGlu},
    {"void vllm::rotary_embedding_kernel<c10::BFloat16, true>(long const*)", "vLLM", G::kRope, E::kUnknown,
     K::kRope},
    {"void vllm::reshape_and_cache_flash_kernel<__nv_bfloat16, __nv_bfloat16, "
     "(vllm::Fp8KVCacheDataType)0>(int)",
     "vLLM", G::kCopy, E::kUnknown, K::kCopy},
    {"void vllm::concat_and_cache_mla_kernel<__nv_bfloat16, unsigned char, (vllm::Fp8KVCacheDataType)1>(int)",
     "vLLM", G::kCopy, E::kUnknown, K::kCopy},
    {"void vllm::moe::topkGatingSoftmax<8, 128, 4, 16, long>(float const*)", "vLLM", G::kRoute, E::kUnknown,
     K::kTopK},
    {"void vllm::moe::moe_align_block_size_kernel<int>(int*)", "vLLM", G::kRoute, E::kUnknown,
     K::kRouterMisc},
    {"void vllm::moe::count_and_sort_expert_tokens_kernel<int>(int*)", "vLLM", G::kRoute, E::kUnknown,
     K::kRouterMisc},
    {"void vllm::moe::moe_sum_kernel<c10::BFloat16, 8>(c10::BFloat16*)", "vLLM", G::kPermute, E::kUnknown,
     K::kUnpermute},
    {"void vllm::dynamic_per_token_scaled_fp8_quant_kernel_strided<c10::BFloat16, c10::Float8_e4m3fn>(int)",
     "vLLM",
     G::kQuantize,
     E::kUnknown,
     {}},
    {"void vllm::cvt_fp16_to_fp4<__nv_bfloat16, false>(int)", "vLLM", G::kQuantize, E::kUnknown, {}},
    {"void marlin::Marlin<__nv_bfloat16, 1125899906843648l, 256, 1, 8, 8, false, 4, 8, false>(int4 const*)",
     "vLLM",
     G::kGemm,
     E::kMixed,
     {}},
    {"void per_token_group_quant_8bit_kernel<__nv_bfloat16, __nv_fp8_e4m3, false, false, float>(int)",
     "SGLang", G::kQuantize, E::kUnknown, K::kCastFp8},
    {"_w8a8_block_fp8_matmul", "Triton", G::kGemm, E::kFp8, K::kGemmFp8},
    {"fused_moe_kernel", "Triton", G::kGemm, E::kUnknown, {}},
    {"fused_moe_kernel_gptq_awq", "Triton", G::kGemm, E::kMixed, {}},
    {"_p_matmul_ogs_NNT_bf16xbf16xmxfp4_16x256x128x1_swiglu", "Triton", G::kGemm, E::kUnknown, {}},
    {"triton_red_fused_rms_norm", "Triton", G::kReduce, E::kUnknown, {}},
    {"triton_poi_fused__to_copy_add_mul_3", "Triton", G::kElementwise, E::kUnknown, {}},
    {"triton_per_fused_all_reduce_add_1", "Triton", G::kReduce, E::kUnknown, {}},
    {"triton_tem_fused_mm_2", "Triton", G::kGemm, E::kUnknown, {}},
    {"triton_tem_fused_flex_attention_0", "Triton", G::kAttention, E::kUnknown, K::kAttentionForward},
    {"batched_transpose_16x32_half", "MIOpen", G::kQuantize, E::kUnknown, {}},
    {"void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<c10::BFloat16>, "
     "at::detail::Array<char*, 3> >(int, at::native::CUDAFunctor_add<c10::BFloat16>, "
     "at::detail::Array<char*, 3>)",
     "PyTorch", G::kElementwise, E::kUnknown, K::kResidualAdd},
    {"void at::native::vectorized_elementwise_kernel<4, at::native::FillFunctor<float>, std::array<char*, "
     "1ul> >(int)",
     "PyTorch",
     G::kElementwise,
     E::kUnknown,
     {}},
    {"void at::native::(anonymous namespace)::vectorized_layer_norm_kernel<float, float, false>(int)",
     "PyTorch", G::kNorm, E::kUnknown, K::kLayerNorm},
    {"void (anonymous namespace)::softmax_warp_forward<float, float, float, 10, false, false>(float*)",
     "PyTorch",
     G::kReduce,
     E::kUnknown,
     {}},
    {"void (anonymous namespace)::elementwise_kernel_with_index<int, at::native::arange_cuda_out(c10::Scalar "
     "const&)::{lambda()#1}::operator()() const::{lambda(long)#1}>(int)",
     "PyTorch",
     G::kElementwise,
     E::kUnknown,
     {}},
    {"void at::native::sbtopk::gatherTopK<float, unsigned int, 2, false>(int)", "PyTorch", G::kRoute,
     E::kUnknown, K::kTopK},
    {"void at::native::(anonymous namespace)::multi_tensor_apply_kernel<at::native::(anonymous "
     "namespace)::FusedOptimizerTensorListMetadata<4>, at::native::(anonymous "
     "namespace)::FusedAdamMathFunctor<float, 4, (at::native::(anonymous namespace)::ADAM_MODE)1, false>, "
     "float, double>(int)",
     "PyTorch", G::kOptimizer, E::kUnknown, K::kAdamW},
    {"void multi_tensor_apply_kernel<TensorListMetadata<4>, AdamFunctorMaster<c10::BFloat16, float, float, "
     "int>>(int)",
     "Apex", G::kOptimizer, E::kUnknown, K::kAdamW},
    {"void "
     "transformer_engine::normalization::rmsnorm_fwd_tuned_kernel<transformer_engine::normalization::Kernel_"
     "traits<__nv_bfloat16>>(int)",
     "Transformer Engine", G::kNorm, E::kUnknown, K::kRmsNorm},
    {"void transformer_engine::detail::cast_transpose_fused_kernel<false, false>(int)",
     "Transformer Engine",
     G::kQuantize,
     E::kUnknown,
     {}},
    {"void cub::CUB_200700_900_NS::DeviceRadixSortOnesweepKernel<cub::Policy>(int)",
     "CUB",
     G::kOther,
     E::kUnknown,
     {}},
    {"void cutlass::device_kernel<enable_sm90_or_later<cutlass::gemm::kernel::GemmUniversal<cute::tuple<int, "
     "int, int, int>, "
     "cutlass::gemm::collective::CollectiveMma<cutlass::gemm::MainloopSm90TmaGmmaWarpSpecializedFP8<6, "
     "cute::tuple<cute::C<1>>>, cute::tuple<cute::C<128>>, cutlass::float_e4m3_t, cute::tuple<long, "
     "cute::C<1>>, cutlass::float_e4m3_t, cute::tuple<long, cute::C<1>>, int>>>>(int)",
     "CUTLASS", G::kGemm, E::kFp8, K::kGemmFp8},
    {"void "
     "cutlass::device_kernel<cutlass::gemm::kernel::GemmUniversal<cutlass::gemm::GroupProblemShape<cute::"
     "tuple<int, int, int>>, "
     "cutlass::gemm::collective::CollectiveMma<cutlass::gemm::MainloopSm90ArrayTmaGmmaWarpSpecialized<3>, "
     "cute::tuple<cute::C<128>>, cutlass::bfloat16_t, cute::tuple<long>*, cutlass::bfloat16_t, "
     "cute::tuple<long>*, int>>>(int)",
     "CUTLASS",
     G::kGemm,
     E::kBf16,
     {}},
    {"void cutlass::device_kernel<cutlass::gemm::kernel::GemmUniversal<cute::tuple<int>, "
     "cutlass::gemm::collective::CollectiveMma<cutlass::gemm::MainloopSm90MixedInput<3>, "
     "cute::tuple<cute::C<128>>, cutlass::bfloat16_t, cute::tuple<long>, cutlass::float_e4m3_t, "
     "cute::tuple<long>, int>>>(int)",
     "CUTLASS",
     G::kGemm,
     E::kMixed,
     {}},
    {"void "
     "cutlass::Kernel2<cutlass::gemm::kernel::GemmUniversal<cutlass::gemm::threadblock::MmaMultistage<"
     "cutlass::gemm::GemmShape<128, 128, 32>, cutlass::bfloat16_t, float>>>(int)",
     "CUTLASS", G::kGemm, E::kBf16, K::kGemmBf16},
    {"loop_convert_fusion_3", "XLA", G::kElementwise, E::kUnknown, {}},
    {"input_add_reduce_fusion", "XLA", G::kReduce, E::kUnknown, {}},
    {"gemm_fusion_dot_42", "XLA", G::kGemm, E::kUnknown, {}},
    {"wrapped_slice", "XLA", G::kElementwise, E::kUnknown, {}},
    {"void splitkv_mla_kernel<int>(int)", "FlashMLA", G::kAttention, E::kUnknown, K::kAttentionDecode},
    {"get_mla_metadata_kernel(int*)", "FlashMLA", G::kAttentionAround, E::kUnknown, {}},
    {"my_own_kernel", "unknown", G::kUnknown, E::kUnknown, {}},
    {"permutation_importance", "unknown", G::kUnknown, E::kUnknown, {}},
    {"my_rms_normalize", "unknown", G::kUnknown, E::kUnknown, {}},
    {"void at::native::elementwise_kernel<128, 4, "
     "at::native::gpu_kernel_impl<at::native::direct_copy_kernel_cuda(at::TensorIteratorBase&)::{lambda()#2}>"
     ">(int)",
     "PyTorch", G::kElementwise, E::kUnknown, K::kCopy},
    {"void flash::compute_attn_ws<Flash_fwd_kernel_traits<192, 128, 128, 12, 2, false, 1, "
     "cutlass::bfloat16_t, 128>, true>(int)",
     "FlashAttention", G::kAttention, E::kBf16, K::kAttentionForward},
    {"void cuda::batched_transpose<512, 128, 1, 1>(unsigned char const*, unsigned char*, int, int, int)",
     "DeepSeek", G::kQuantize, E::kUnknown, K::kTransposeFp8},
    {"void cuda::per_channel_cast_and_transpose<256, 128, true, true, true, false, true>(void const*)",
     "DeepSeek", G::kQuantize, E::kUnknown, K::kRequantizeGather},
    {"void internode_like_permute_kernel(int)", "unknown", G::kPermute, E::kUnknown, K::kPermute},
    {"void my_lib::moe_unpermute_kernel<float>(float*)", "unknown", G::kPermute, E::kUnknown, K::kUnpermute},
    {"void my_lib::AllGatherKernel<__half>(__half*)", "unknown", G::kCommunication, E::kUnknown, {}},
    {"void my_lib::fused_gemm_all_reduce_kernel<__half>(__half*)", "unknown", G::kGemm, E::kUnknown, {}},
    {"void my_lib::my_flash_attention_kernel(float*)", "unknown", G::kAttention, E::kFp32, {}},
    {"reduce_scatter_cross_device_store", "AITER", G::kCommunication, E::kUnknown, {}},
    {"void ck_tile::kentry<1, ck_tile::MoeSortingKernel<int>>(int)", "AITER", G::kRoute, E::kUnknown,
     K::kRouterMisc},
    {"void wvSplitKQ_hf_sml_<__hip_bfloat16, __hip_fp8_e4m3_fnuz, 64, 2, 16, 16, 2, 4>(int)",
     "vLLM",
     G::kGemm,
     E::kFp8,
     {}},
    {"void wvSplitKrc_<__hip_bfloat16, 64, 16, 4>(int)", "vLLM", G::kGemm, E::kBf16, {}},
    {"void at::native::detail::split_with_sizes_copy_out_contiguous_no_cast_kernel(char**, char**)",
     "PyTorch", G::kCopy, E::kUnknown, K::kCopy},
    {"void at::native::detail::chunk_cat_cuda_kernel<c10::BFloat16, float>(c10::BFloat16**, float*)",
     "PyTorch",
     G::kCopy,
     E::kUnknown,
     {}},
    {"precomputed_convolve_sgemm", "cuDNN", G::kOther, E::kUnknown, {}},
    {"void cudnn::ops::nchwToNhwcKernel<__half, __half, float>(int)", "cuDNN", G::kOther, E::kUnknown, {}},
    {"_ZN7ck_tile6kentryILi2ENS_19FmhaBwdDQDKDVKernelINS_4TileIiEEEEEEvi", "Composable Kernel", G::kAttention,
     E::kUnknown, K::kAttentionBackward},
    {"void ms_kernel_that_only_mentions_gemmlike_words<my::gemm_traits>(int)",
     "unknown",
     G::kUnknown,
     E::kUnknown,
     {}},
    {"moe_permute_topK_kernel", "unknown", G::kPermute, E::kUnknown, K::kPermute},
    {"_permute_kernel", "unknown", G::kPermute, E::kUnknown, K::kPermute},
    {"void vllm::silu_and_mul_per_block_quant_kernel<c10::BFloat16, c10::Float8_e4m3fn>(int)", "unknown",
     G::kQuantize, E::kUnknown, K::kSwiGluCast},
    {"triton__0d1d2de3de", "Triton", G::kOther, E::kUnknown, {}},
    {"_triton_rope", "unknown", G::kRope, E::kUnknown, K::kRope},
    {"_triton_one_shot_all_reduce", "unknown", G::kCommunication, E::kUnknown, {}},
    {"gptq_marlin_gemm_kernel", "vLLM", G::kGemm, E::kMixed, {}},
    {"input_reduce_fusion_3", "XLA", G::kReduce, E::kUnknown, {}},
    {"fusion_12", "XLA", G::kOther, E::kUnknown, {}},
    {"void flash_attn_ext_f16<128, 128, 8, 2>(char const*)", "unknown", G::kAttention, E::kFp16, {}},
    {"void soft_max_f32<true, 1024, 1024, __half>(float const*)", "unknown", G::kReduce, E::kUnknown, {}},
    {"void mul_mat_q<(ggml_type)12, 64, 8, false>(char const*)", "llama.cpp", G::kGemm, E::kMixed, {}},
    {"qk_int_sv_f8_attn_kernel", "unknown", G::kAttention, E::kUnknown, {}},
    {"void ck_tile::kentry<1, ck_tile::Rmsnorm2dFwd<ck_tile::Rmsnorm2dFwdPipeline<int>>>(int)", "unknown",
     G::kNorm, E::kUnknown, K::kRmsNorm},
    {"void at_cuda_detail::cub::DeviceScanKernel<int>(int)", "CUB", G::kOther, E::kUnknown, {}},
    {"void pytorch_flash::flash_fwd_kernel<pytorch_flash::Flash_fwd_kernel_traits<128, 128, 64, 4, false, "
     "false, cutlass::bfloat16_t>>(int)",
     "FlashAttention", G::kAttention, E::kBf16, K::kAttentionForward},
    {"__amd_rocclr_fillBufferAligned.kd", "HIP", G::kCopy, E::kUnknown, K::kMemset},
    {"__amd_rocclr_copyBuffer.kd", "HIP", G::kCopy, E::kUnknown, K::kCopy},
    {"void (anonymous namespace)::scaled_upper_triang_masked_softmax_warp_forward<__nv_bfloat16, "
     "__nv_bfloat16, float, 12>(int)",
     "unknown",
     G::kReduce,
     E::kUnknown,
     {}},
    {"liger_cross_entropy_kernel", "unknown", G::kReduce, E::kUnknown, K::kCrossEntropy},
    {"_rms_norm_forward_kernel", "Liger", G::kNorm, E::kUnknown, K::kRmsNorm},
    {"chunk_gated_delta_rule_fwd_kernel_h_blockdim64",
     "flash-linear-attention",
     G::kAttention,
     E::kUnknown,
     {}},
    {"_chunk_scan_fwd_kernel", "Mamba", G::kOther, E::kUnknown, {}},
    {"void kgemm_4bit_inference_naive<__nv_bfloat16, 128, 16>(int)", "unknown", G::kGemm, E::kUnknown, {}},
    {"void kDequantizeBlockwise<__nv_bfloat16, 512, 64, 8, 2>(float*)",
     "unknown",
     G::kQuantize,
     E::kUnknown,
     {}},
    {"flashinfer_moe_alltoall_kernel", "unknown", G::kCommunication, E::kUnknown, {}},
    {"void sglang::moe_fused_gate_kernel<cutlass::bfloat16_t>(void*)", "SGLang", G::kRoute, E::kUnknown,
     K::kTopK},
    {"main_kernel", "unknown", G::kUnknown, E::kUnknown, {}},
};

TEST(KernelNames, OfThePublicEcosystemAreKnown) {
  for (const Named& e : kNames) {
    const KernelClass k = ClassifyKernel(e.name);
    EXPECT_EQ(k.library, e.library) << e.name;
    EXPECT_EQ(Name(k.group), Name(e.group)) << e.name;
    EXPECT_EQ(k.kind, e.kind) << e.name;
    const bool multiplies = k.group == G::kGemm || k.group == G::kAttention;
    if (multiplies) {
      EXPECT_EQ(Name(k.type), Name(e.type)) << e.name;
    }
  }
}

TEST(KernelNames, OnlyOneTypeMakesAPrice) {
  for (const Named& e : kNames) {
    const KernelClass k = ClassifyKernel(e.name);
    const bool right =
        (k.kind != K::kGemmBf16 || k.type == E::kBf16) && (k.kind != K::kGemmFp8 || k.type == E::kFp8);
    EXPECT_TRUE(right) << e.name;
  }
}

TEST(KernelNames, WordsAmongArgumentsDecideNothing) {
  EXPECT_EQ(
      ClassifyKernel("void lib::my_thing<cutlass::gemm::Traits, ncclDevComm, all_reduce>(rms_norm*)").group,
      G::kUnknown);
  EXPECT_EQ(ClassifyKernel("flash_attention_result lib::my_thing(int)").group, G::kUnknown)
      << "a return type";
  EXPECT_EQ(ClassifyKernel("void all_reduce::my_thing(int)").group, G::kUnknown) << "a namespace";
  EXPECT_EQ(ClassifyKernel("void lib::stopkernel(int)").group, G::kUnknown) << "topk inside a word";
}

TEST(KernelNames, AreTheSameMangled) {
  const KernelClass mangled = ClassifyKernel("_ZN4vllm15rms_norm_kernelIN3c108BFloat16EEEvPT_PKS3_fi");
  EXPECT_EQ(mangled.library, "vLLM");
  EXPECT_EQ(mangled.kind, K::kRmsNorm);
  EXPECT_EQ(mangled.type, E::kBf16);
  EXPECT_EQ(ShortKernelName("_ZN4vllm15rms_norm_kernelIN3c108BFloat16EEEvPT_PKS3_fi"),
            "vllm::rms_norm_kernel");
}

}  // namespace
}  // namespace orrery::profiler
