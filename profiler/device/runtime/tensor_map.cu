#include "profiler/device/runtime/tensor_map.h"

#include "profiler/device/runtime/cuda_support.h"

namespace orrery::profiler {
namespace {

using EncodeTiled = CUresult (*)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*,
                                 const cuuint64_t*, const cuuint32_t*, const cuuint32_t*,
                                 CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion,
                                 CUtensorMapFloatOOBfill);

EncodeTiled LoadEncodeTiled() {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
  ORRERY_CUDA_CHECK(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000,
                                                     cudaEnableDefault, &result));
  if (result != cudaDriverEntryPointSuccess) throw DeviceError("the driver has no cuTensorMapEncodeTiled");
  return reinterpret_cast<EncodeTiled>(function);
}

}  // namespace

CUtensorMap MakeTensorMap(CUtensorMapDataType type, const void* base, std::uint64_t rows,
                          std::uint64_t columns, std::uint64_t row_bytes, std::uint32_t box_rows,
                          std::uint32_t box_columns, bool swizzle) {
  static const EncodeTiled encode = LoadEncodeTiled();
  alignas(64) CUtensorMap map;
  const cuuint64_t sizes[2] = {columns, rows};
  const cuuint64_t strides[1] = {row_bytes};
  const cuuint32_t box[2] = {box_columns, box_rows};
  const cuuint32_t steps[2] = {1, 1};
  const CUresult code =
      encode(&map, type, 2, const_cast<void*>(base), sizes, strides, box, steps,
             CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_NONE,
             CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (code != CUDA_SUCCESS) {
    throw DeviceError("cuTensorMapEncodeTiled refused [" + std::to_string(rows) + ", " +
                      std::to_string(columns) + "], " + std::to_string(row_bytes) + " bytes per row: code " +
                      std::to_string(code));
  }
  return map;
}

}  // namespace orrery::profiler
