// A small MLA + MoE training trace made by hand: two layers, the kernels of each phase in the order the
// recogniser expects.
#pragma once

#include <string>
#include <vector>

#include "profiler/trace/trace.h"

namespace orrery::profiler {

/// A kernel of `builder` and the call on `thread` at `cpu_ns` that launched it.
inline GpuEvent& AddLaunchedKernel(TraceBuilder* builder, const char* name, std::int64_t start_ns,
                                   std::int64_t duration_ns, std::int64_t thread, std::int64_t cpu_ns) {
  std::vector<GpuEvent>& events = builder->trace().events;
  GpuEvent& e = events.emplace_back();
  e.name = builder->Intern(name);
  e.start_ns = start_ns;
  e.duration_ns = duration_ns;
  e.correlation = events.size();
  builder->trace().launches.push_back({e.correlation, thread, cpu_ns});
  return e;
}

class SyntheticTrace {
 public:
  static constexpr const char* kCast = "cuda::per_token_cast_to_fp8_with_channels<__nv_bfloat16, 128>";
  static constexpr const char* kGemm =
      "cutlass::device_kernel<dpsk::grouped_gemm::cuda::fp8_ptp128c::GemmKernel>";
  static constexpr const char* kGrouped =
      "cutlass::device_kernel<dpsk::grouped_gemm::cuda::m_grouped_fp8_ptp128c::GemmKernel>";
  static constexpr const char* kWgrad =
      "cutlass::device_kernel<dpsk::grouped_gemm::cuda::fp8_dptp128c_acc::GemmKernel>";
  static constexpr const char* kRouter = "sm90_xmma_gemm_bf16f32_bf16f32_f32_tn_n_cublas";
  static constexpr const char* kTranspose = "cuda::batched_transpose<512, 128, 1, 1>";
  static constexpr const char* kExpand = "cuda::expand_to_fused_with_scales_impl";
  static constexpr const char* kReduce = "cuda::reduce_fused_impl<__nv_bfloat16>";
  static constexpr const char* kForward = "flash::compute_attn_ws<Flash_fwd_kernel_traits<192, 128>>";
  static constexpr const char* kBackward =
      "cutlass::device_kernel<flash::FlashAttnBwd<flash::CollectiveMainloopBwd>>";
  static constexpr const char* kDispatch = "dpsk::ep::internode::dispatch<false, 8, false, 8>";

  /// What a test may spoil.
  int gemms_in_attention = 5;
  int o_transpose_grid = 7168;

  Trace Build(int layers) {
    builder_.trace().info.devices = {{0, "NVIDIA H800", "9.0", 132, 0}};
    for (int layer = 0; layer < layers; ++layer) AddLayer(layer);
    return builder_.Finish();
  }

 private:
  void AddLayer(int layer) {
    Begin("attn(F)");
    Kernel(kCast, 4096);
    Kernel(kGemm, 112, gemms_in_attention);
    Kernel(kForward, 32);
    Kernel(kRouter, 32);
    Begin("dispatch(F)");
    Kernel(kDispatch, 20, 1, 27);
    Begin("mlp(B)");
    Kernel(kGemm, 112);
    Kernel(kExpand, 2048 + 8 * layer);
    Kernel(kGrouped, 112, 2);
    Kernel(kReduce, 30000);
    Kernel(kGemm, 112);
    Begin("mlp(W)");
    Kernel(kWgrad, 112, 10);
    Begin("mlp(F)");
    Kernel(kGemm, 112);
    Kernel(kExpand, 2000);
    Kernel(kGrouped, 112, 2);
    Kernel(kReduce, 29000);
    Kernel(kGemm, 112);
    Begin("attn(B)");
    Kernel(kRouter, 28, 2);
    for (const int grid : {o_transpose_grid, 2304, 1024, 280, 672}) Kernel(kTranspose, grid);
    Kernel(kGemm, 112, 7);
    Kernel(kBackward, 32);
    Begin("attn(W)");
    Kernel(kWgrad, 112, 5);
  }

  void Begin(const char* phase) {
    cpu_ns_ += 10'000;
    builder_.trace().annotations.push_back({1, cpu_ns_, 9'000, builder_.Intern(phase), 0});
  }

  void Kernel(const char* name, int grid, int times = 1, int stream = 7) {
    for (int i = 0; i < times; ++i) {
      GpuEvent& e = AddLaunchedKernel(&builder_, name, gpu_ns_, 100'000, 1, cpu_ns_ + 100);
      e.grid = {grid, 1, 1};
      e.stream = stream;
      if (stream == 7) gpu_ns_ += 102'000;
    }
  }

  TraceBuilder builder_;
  std::int64_t cpu_ns_ = 1'000'000, gpu_ns_ = 2'000'000;
};

}  // namespace orrery::profiler
