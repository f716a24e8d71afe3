#include "profiler/measurement/kernel_name.h"

#include <gmock/gmock.h>

namespace orrery::profiler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(KernelName, IsTakenApart) {
  const KernelName n = ParseKernelName("void vllm::moe::topkGating<8, vllm::T<int>>(float const*, int)");
  EXPECT_THAT(n.scopes, ElementsAre("vllm", "moe"));
  EXPECT_EQ(n.function, "topkGating");
  EXPECT_EQ(n.arguments, "8, vllm::T<int>");
  EXPECT_EQ(n.parameters, "float const*, int");
  EXPECT_EQ(n.Path(), "vllm::moe::topkGating");
}

TEST(KernelName, ReturnTypesAndAnonymousScopesAreLeftOut) {
  EXPECT_EQ(ParseKernelName("std::enable_if<(((8)>(0)))&&true, void>::type a::f<8>(int)").Path(), "a::f");
  EXPECT_EQ(ParseKernelName("unsigned int f(int)").Path(), "f");
  EXPECT_EQ(ParseKernelName("void a::(anonymous namespace)::f<1>(int)").Path(), "a::f");
  EXPECT_EQ(ParseKernelName("void <unnamed>::f<1>(int)").Path(), "f");
  EXPECT_EQ(ParseKernelName("f(int) [clone .kd]").Path(), "f");
  EXPECT_EQ(ParseKernelName("kernel_mha.kd").Path(), "kernel_mha");
}

TEST(KernelName, LaunchersGiveWayToWhatTheyLaunch) {
  EXPECT_EQ(ParseKernelName("void cutlass::device_kernel<x::Gemm<1> >(x::Gemm<1>::Params)").Path(),
            "x::Gemm");
  EXPECT_EQ(ParseKernelName("void ck_tile::kentry<256, 1, ck_tile::FmhaFwdKernel<int> >(int)").Path(),
            "ck_tile::FmhaFwdKernel");
  EXPECT_EQ(
      ParseKernelName("void ck_tile::kentry<ck_tile::gfx9_t, 2, ck_tile::FmhaFwdKernel<int> >(int)").Path(),
      "ck_tile::FmhaFwdKernel");
  EXPECT_EQ(
      ParseKernelName("void cutlass::device_kernel<flash::enable_sm90<flash::FlashAttnFwdSm90<int>>>(P)")
          .Path(),
      "flash::FlashAttnFwdSm90");
}

TEST(KernelName, MangledNamesAreRead) {
  const KernelName n = ParseKernelName("_ZN9deep_gemm23sm90_fp8_gemm_1d2d_implILj7168ELNS_8GemmTypeE1EEEvPf");
  EXPECT_THAT(n.scopes, ElementsAre("deep_gemm"));
  EXPECT_EQ(n.function, "sm90_fp8_gemm_1d2d_impl");
  EXPECT_EQ(n.arguments, "7168u, (deep_gemm::GemmType)1");
  const KernelName cut = ParseKernelName("_ZN4vllm15rms_norm_kernelIN3c108BFloat16EEEvPT_PK");
  EXPECT_EQ(cut.Path(), "vllm::rms_norm_kernel") << "cut off";
  EXPECT_TRUE(HoldsWord(cut.arguments, "BFloat16"));
  EXPECT_EQ(ParseKernelName("_ZN12_GLOBAL__N_11fEv").Path(), "f");
}

TEST(KernelName, AnyBeginningOfANameIsRead) {
  for (const std::string name :
       {"std::enable_if<(((8)>(0)))&&true, void>::type a::(anonymous namespace)::f<8, "
        "g(int)::{lambda()#1}>(int)",
        "_ZN9deep_gemm23sm90_fp8_gemm_1d2d_implILj7168ELNS_8GemmTypeE1EEEvPf",
        "void cutlass::device_kernel<x::Gemm<1, y<2> > >(x::Gemm<1>::Params) [clone .kd]"}) {
    for (std::size_t size = 0; size <= name.size(); ++size) {
      const KernelName n = ParseKernelName(name.substr(0, size));
      EXPECT_EQ(n.function.empty(), size == 0);
      ParseKernelName(name.substr(size));
    }
  }
}

TEST(KernelName, AMangledNameThatWouldFillTheMemoryIsNotPrinted) {
  std::string bomb = "_ZN1aI";  // each argument refers twice to the one before
  for (int i = 0; i < 200; ++i) bomb += "N1bIS_S_EE";
  const KernelName n = ParseKernelName(bomb + "EEvv");
  EXPECT_EQ(n.function, "a");
  EXPECT_LT(n.arguments.size(), bomb.size());
}

TEST(NameWords, AreSplitAtUnderscoresAndCapitals) {
  EXPECT_THAT(NameWords("FusedAddRMSNormKernel"), ElementsAre("fused", "add", "rms", "norm", "kernel"));
  EXPECT_THAT(NameWords("fused_add_rms_norm_kernel"), ElementsAre("fused", "add", "rms", "norm", "kernel"));
  EXPECT_THAT(NameWords("ncclDevKernel_AllReduce_Sum_bf16"),
              ElementsAre("nccl", "dev", "kernel", "all", "reduce", "sum", "bf16"));
  EXPECT_THAT(NameWords("finalizeMoERoutingKernel"), ElementsAre("finalize", "moe", "routing", "kernel"));
  EXPECT_THAT(NameWords("ampere_s16816gemm_fp16_128x64"),
              ElementsAre("ampere", "s16816gemm", "fp16", "128x64"));
  EXPECT_THAT(NameWords("__"), IsEmpty());
}

TEST(HoldsWord, TakesWholeIdentifiers) {
  EXPECT_TRUE(HoldsWord("a, LpNormFunctor<float>", "LpNormFunctor"));
  EXPECT_FALSE(HoldsWord("a, MyLpNormFunctor", "LpNormFunctor"));
  EXPECT_FALSE(HoldsWord("(deep_gemm::GemmType)12", "(deep_gemm::GemmType)1"));
  EXPECT_TRUE(HoldsWord("anything", ""));
}

}  // namespace
}  // namespace orrery::profiler
