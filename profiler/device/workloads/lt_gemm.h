// One GEMM through cuBLASLt, with DeepSeek-V3's FP8 scaling or in BF16.
#pragma once

#include <cstddef>

#include <cublasLt.h>
#include <cuda_runtime.h>

namespace orrery::profiler {

/// D[m, n] = A[m, k] B[n, k]^T, all row-major, `batch` times with operands packed one after another.
struct LtShape {
  int m = 0, n = 0, k = 0, batch = 1;
  bool fp8 = true;
  bool weight_gradient = false;  ///< both scaled 1x128, D FP32, D += A B^T; else B 128x128 and D BF16
  bool fp32_out = false;         ///< BF16 inputs only
  bool fast_accumulate = false;  ///< FP8 with one scale per tensor, the first of each operand's
  int sms = 0;                   ///< SM_COUNT_TARGET; 0: all
};

struct LtPointers {
  const void* a = nullptr;
  const float* a_scales = nullptr;  ///< RowScales::ForCublas
  const void* b = nullptr;
  const float* b_scales = nullptr;  ///< BlockScales::ForCublas, or RowScales::ForCublas for a weight gradient
  void* d = nullptr;
};

class LtGemm {
 public:
  explicit LtGemm(const LtShape& shape);
  ~LtGemm();
  LtGemm(const LtGemm&) = delete;
  LtGemm& operator=(const LtGemm&) = delete;

  /// Times the library's candidates on these operands and keeps the fastest. Overwrites D. Throws Unsupported
  /// where cuBLASLt has no algorithm.
  void Choose(const LtPointers& pointers, void* workspace, std::size_t workspace_bytes, cudaStream_t stream);
  void Launch(const LtPointers& pointers, void* workspace, std::size_t workspace_bytes,
              cudaStream_t stream) const;

 private:
  static constexpr int kCandidates = 8;
  cublasStatus_t Run(const LtPointers& pointers, const cublasLtMatmulAlgo_t& algorithm, void* workspace,
                     std::size_t workspace_bytes, cudaStream_t stream) const;
  void DescribeScales();
  void DescribeLayouts();
  void FindCandidates();
  void PointAtScales(const LtPointers& pointers) const;

  LtShape shape_;
  cublasLtMatmulDesc_t operation_ = nullptr;
  cublasLtMatrixLayout_t weights_ = nullptr, activations_ = nullptr, result_ = nullptr;
  cublasLtMatmulHeuristicResult_t candidates_[kCandidates] = {};
  int candidate_count_ = 0;
  int chosen_ = 0;
};

/// "13.1.0.3".
const char* CublasVersionText();
inline constexpr std::size_t kLtWorkspaceBytes = std::size_t{64} << 20;

}  // namespace orrery::profiler
