#include "profiler/measurement/classify.h"

#include <gtest/gtest.h>

namespace orrery::profiler {
namespace {

struct Expected {
  const char* name;
  const char* library;
  KernelGroup group;
  std::optional<OpKind> kind;
};

class ClassifyKernelTest : public testing::TestWithParam<Expected> {};

TEST_P(ClassifyKernelTest, KnowsLibraryAndKind) {
  const Expected& e = GetParam();
  const KernelClass k = ClassifyKernel(e.name);
  EXPECT_EQ(k.library, e.library) << e.name;
  EXPECT_EQ(Name(k.group), Name(e.group)) << e.name;
  EXPECT_EQ(k.kind, e.kind) << e.name;
}

using G = KernelGroup;
using K = OpKind;

INSTANTIATE_TEST_SUITE_P(
    KernelNames, ClassifyKernelTest,
    testing::Values(
        Expected{"void cutlass::device_kernel<dpsk::grouped_gemm::cuda::fp8_ptp128c::GemmKernel>(...)",
                 "DeepGEMM", G::kGemm, K::kGemmFp8},
        Expected{
            "void cutlass::device_kernel<dpsk::grouped_gemm::cuda::m_grouped_fp8_ptp128c::GemmKernel>(...)",
            "DeepGEMM", G::kGemm, K::kGroupedGemmFp8},
        Expected{"void cutlass::device_kernel<dpsk::grouped_gemm::cuda::fp8_dptp128c_acc::GemmKernel>(...)",
                 "DeepGEMM", G::kGemm, K::kGemmFp8Wgrad},
        Expected{"void dpsk::grouped_gemm::cuda::utils::transpose<512, 128, 4, 4>(unsigned char const*)",
                 "DeepGEMM", G::kQuantize, K::kScaleTranspose},
        Expected{"_ZN9deep_gemm24sm90_fp8_gemm_1d2d_implILj7168ELj2048EE", "DeepGEMM", G::kGemm, K::kGemmFp8},
        Expected{
            "void dpsk::ep::internode::dispatch<false, 8, true, 8>(int4*)", "DeepEP", G::kCommunication, {}},
        Expected{"void dpsk::ep::internode::combine<false, 8, __nv_bfloat16>(int4*)",
                 "DeepEP",
                 G::kCommunication,
                 {}},
        Expected{"void dpsk::ep::internode::cached_notify<false>(int)", "DeepEP", G::kCommunicationSync, {}},
        Expected{
            "void deep_ep::internode::notify_dispatch<false, 8>(int)", "DeepEP", G::kCommunicationSync, {}},
        Expected{"void deep_ep::internode_ll::dispatch<true>(void*)", "DeepEP", G::kCommunication, {}},
        Expected{"ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)",
                 "NCCL",
                 G::kCommunication,
                 {}},
        Expected{"void flash_fwd_splitkv_mla_kernel<Flash_fwd_kernel_traits_mla<576>>()", "FlashMLA",
                 G::kAttention, K::kAttentionDecode},
        Expected{"void flash::compute_attn_ws<Flash_fwd_kernel_traits<192, 128>>()", "FlashAttention",
                 G::kAttention, K::kAttentionForward},
        Expected{"void cutlass::device_kernel<flash::FlashAttnBwd<flash::CollectiveMainloopBwd<2>>>()",
                 "FlashAttention", G::kAttention, K::kAttentionBackward},
        Expected{"void cutlass::device_kernel<flash::FlashAttnBwdPreprocess<cute::tuple<>>>()",
                 "FlashAttention", G::kAttentionAround, K::kAttentionPreprocess},
        Expected{"sm90_xmma_gemm_bf16f32_bf16f32_f32_tn_n_tilesize128x128x64_cublas", "cuBLAS", G::kGemm,
                 K::kGemmBf16},
        Expected{"nvjet_qqtst_128x256_128x5_2x1_v_bz_TNT", "cuBLAS", G::kGemm, K::kGemmFp8},
        Expected{"nvjet_tst_256x128_64x4_2x1_v_bz_coopA_TNT", "cuBLAS", G::kGemm, K::kGemmBf16},
        Expected{"cudnn_generated_fort_native_sdpa_sm90_flash_fprop_wgmma_f16", "cuDNN", G::kAttention,
                 K::kAttentionForward},
        Expected{"void layer_norm::ln_fwd_kernel<layer_norm::Kernel_traits<__nv_bfloat16>>()",
                 "FlashAttention", G::kNorm, K::kRmsNorm},
        Expected{
            "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<c10::BFloat16>>()",
            "PyTorch", G::kElementwise, K::kResidualAdd},
        Expected{"void at::native::reduce_kernel<512, 1>()", "PyTorch", G::kReduce, {}},
        Expected{"_ZN2at6native54_GLOBAL__N__d8ceb000_21_DistributionNormal", "PyTorch", G::kElementwise, {}},
        Expected{"triton_poi_fused_add_0", "Triton", G::kElementwise, {}},
        Expected{"triton_red_fused_rms_norm", "Triton", G::kReduce, {}},
        Expected{"Memcpy DtoD (Device -> Device)", "CUDA", G::kCopy, K::kCopy},
        Expected{"Memcpy DtoH (Device -> Pinned)", "CUDA", G::kCopy, K::kHostCopy},
        Expected{"Memset (Device)", "CUDA", G::kCopy, K::kMemset},
        Expected{"void cuda::per_channel_cast_and_transpose<256, 128, true, true, true, false, true>()",
                 "DeepSeek", G::kQuantize, K::kRequantizeGather},
        Expected{"void cuda::per_channel_cast_and_transpose<256, 128, true, false, false, false, true>()",
                 "DeepSeek", G::kQuantize, K::kRequantizeTranspose},
        Expected{"void cuda::per_channel_cast_and_transpose<256, 128, false, false, false, false, true>()",
                 "DeepSeek", G::kQuantize, K::kCastTransposeFp8},
        Expected{"my_own_kernel", "unknown", G::kUnknown, {}}, Expected{"", "unknown", G::kUnknown, {}}));

TEST(ShortKernelName, DropsTemplatesParametersAndWrappers) {
  EXPECT_EQ(ShortKernelName("void a::b<c<int>, 4>(int, float*)"), "a::b");
  EXPECT_EQ(ShortKernelName("void cutlass::device_kernel<x::y::GemmKernel>(x::y::GemmKernel::Params)"),
            "x::y::GemmKernel");
  EXPECT_EQ(ShortKernelName("(anonymous namespace)::f<int>(int)"), "f");
  EXPECT_EQ(ShortKernelName("abcdefghij", 8), "abcde...");
  EXPECT_EQ(ShortKernelName("<odd>"), "<odd>");
  EXPECT_EQ(ShortKernelName("void a::f<1>(int) + g<2>(int)"), "a::f + g") << "of one operation";
}

}  // namespace
}  // namespace orrery::profiler
