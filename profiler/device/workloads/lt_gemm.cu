// cuBLAS is column-major: its "A" is our B (the weights, [n, k] row-major, transposed), its "B" our A, its D
// n x m.
#ifndef ORRERY_NO_CUBLASLT
#include "profiler/device/workloads/lt_gemm.h"

#include <limits>
#include <string>

#include "profiler/device/runtime/cuda_support.h"
#include "profiler/device/workloads/workload.h"

namespace orrery::profiler {
namespace {

void CheckLt(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw DeviceError(std::string("cuBLASLt: ") + what + ": " + cublasLtGetStatusString(status));
}

cublasLtHandle_t Handle() {
  static const cublasLtHandle_t handle = [] {
    cublasLtHandle_t created = nullptr;
    CheckLt(cublasLtCreate(&created), "create");
    return created;
  }();
  return handle;
}

template <typename T>
void Set(cublasLtMatmulDesc_t operation, cublasLtMatmulDescAttributes_t attribute, const T& value,
         const char* what) {
  CheckLt(cublasLtMatmulDescSetAttribute(operation, attribute, &value, sizeof(value)), what);
}

cublasLtMatrixLayout_t Layout(cudaDataType_t type, int rows, int cols, int batch) {
  cublasLtMatrixLayout_t layout = nullptr;
  CheckLt(cublasLtMatrixLayoutCreate(&layout, type, static_cast<std::uint64_t>(rows),
                                     static_cast<std::uint64_t>(cols), rows),
          "layout");
  if (batch > 1) {
    const std::int32_t count = batch;
    const std::int64_t stride = static_cast<std::int64_t>(rows) * cols;
    CheckLt(
        cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof(count)),
        "batch");
    CheckLt(cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride,
                                             sizeof(stride)),
            "batch stride");
  }
  return layout;
}

}  // namespace

LtGemm::LtGemm(const LtShape& shape) : shape_(shape) {
  CheckLt(cublasLtMatmulDescCreate(&operation_, CUBLAS_COMPUTE_32F, CUDA_R_32F), "operation");
  const cublasOperation_t transpose = CUBLAS_OP_T;
  Set(operation_, CUBLASLT_MATMUL_DESC_TRANSA, transpose, "transpose");
  if (shape_.sms > 0) {
    const std::int32_t sms = shape_.sms;
    Set(operation_, CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET, sms, "SM count target");
  }
  if (shape_.fp8) DescribeScales();
  DescribeLayouts();
}

LtGemm::~LtGemm() {
  cublasLtMatrixLayoutDestroy(result_);
  cublasLtMatrixLayoutDestroy(activations_);
  cublasLtMatrixLayoutDestroy(weights_);
  cublasLtMatmulDescDestroy(operation_);
}

// Fast accumulation is not offered with scales by block (PyTorch's scaled_gemm refuses the pair), so it is
// measured with one scale per tensor, the default mode.
void LtGemm::DescribeScales() {
  const std::int8_t fast = shape_.fast_accumulate ? 1 : 0;
  Set(operation_, CUBLASLT_MATMUL_DESC_FAST_ACCUM, fast, "fast accumulation");
  if (shape_.fast_accumulate) return;
  const std::int32_t rows = CUBLASLT_MATMUL_MATRIX_SCALE_VEC128_32F;
  const std::int32_t blocks = CUBLASLT_MATMUL_MATRIX_SCALE_BLK128x128_32F;
  Set(operation_, CUBLASLT_MATMUL_DESC_A_SCALE_MODE, shape_.weight_gradient ? rows : blocks,
      "scale mode of the weights");
  Set(operation_, CUBLASLT_MATMUL_DESC_B_SCALE_MODE, rows, "scale mode of the activations");
}

void LtGemm::PointAtScales(const LtPointers& p) const {
  if (!shape_.fp8) return;
  Set(operation_, CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, p.b_scales, "scales of the weights");
  Set(operation_, CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, p.a_scales, "scales of the activations");
}

void LtGemm::DescribeLayouts() {
  const cudaDataType_t in = shape_.fp8 ? CUDA_R_8F_E4M3 : CUDA_R_16BF;
  const cudaDataType_t out = shape_.weight_gradient || shape_.fp32_out ? CUDA_R_32F : CUDA_R_16BF;
  weights_ = Layout(in, shape_.k, shape_.n, shape_.batch);
  activations_ = Layout(in, shape_.k, shape_.m, shape_.batch);
  result_ = Layout(out, shape_.n, shape_.m, shape_.batch);
}

void LtGemm::FindCandidates() {
  cublasLtMatmulPreference_t preference = nullptr;
  CheckLt(cublasLtMatmulPreferenceCreate(&preference), "preference");
  const std::size_t workspace = kLtWorkspaceBytes;
  CheckLt(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                               &workspace, sizeof(workspace)),
          "workspace");
  const cublasStatus_t status =
      cublasLtMatmulAlgoGetHeuristic(Handle(), operation_, weights_, activations_, result_, result_,
                                     preference, kCandidates, candidates_, &candidate_count_);
  cublasLtMatmulPreferenceDestroy(preference);
  if (status != CUBLAS_STATUS_SUCCESS || candidate_count_ == 0) {
    throw Unsupported(std::string("cuBLASLt has no algorithm for this shape and scaling (") +
                      cublasLtGetStatusString(status) + ")");
  }
}

cublasStatus_t LtGemm::Run(const LtPointers& p, const cublasLtMatmulAlgo_t& algorithm, void* workspace,
                           std::size_t workspace_bytes, cudaStream_t stream) const {
  PointAtScales(p);
  const float alpha = 1.0f;
  const float beta = shape_.weight_gradient ? 1.0f : 0.0f;
  return cublasLtMatmul(Handle(), operation_, &alpha, p.b, weights_, p.a, activations_, &beta, p.d, result_,
                        p.d, result_, &algorithm, workspace, workspace_bytes, stream);
}

void LtGemm::Choose(const LtPointers& pointers, void* workspace, std::size_t workspace_bytes,
                    cudaStream_t stream) {
  PointAtScales(pointers);  // first: which algorithms there are depends on whether scales are given
  FindCandidates();
  Event start;
  Event stop;
  float best = std::numeric_limits<float>::infinity();
  for (int i = 0; i < candidate_count_; ++i) {
    if (Run(pointers, candidates_[i].algo, workspace, workspace_bytes, stream) != CUBLAS_STATUS_SUCCESS)
      continue;
    ORRERY_CUDA_CHECK(cudaEventRecord(start.get(), stream));
    for (int repeat = 0; repeat < 3; ++repeat)
      Run(pointers, candidates_[i].algo, workspace, workspace_bytes, stream);
    ORRERY_CUDA_CHECK(cudaEventRecord(stop.get(), stream));
    ORRERY_CUDA_CHECK(cudaEventSynchronize(stop.get()));
    float milliseconds = 0.0f;
    ORRERY_CUDA_CHECK(cudaEventElapsedTime(&milliseconds, start.get(), stop.get()));
    if (milliseconds < best) best = milliseconds, chosen_ = i;
  }
  if (best == std::numeric_limits<float>::infinity())
    throw Unsupported("every algorithm cuBLASLt proposed failed to run");
}

void LtGemm::Launch(const LtPointers& pointers, void* workspace, std::size_t workspace_bytes,
                    cudaStream_t stream) const {
  CheckLt(Run(pointers, candidates_[chosen_].algo, workspace, workspace_bytes, stream), "matmul");
}

const char* CublasVersionText() {
  static const std::string text = [] {
    const std::size_t v = cublasLtGetVersion();
    return std::to_string(v / 10000) + "." + std::to_string(v / 100 % 100) + "." + std::to_string(v % 100);
  }();
  return text.c_str();
}

}  // namespace orrery::profiler

#endif  // ORRERY_NO_CUBLASLT
