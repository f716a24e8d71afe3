// Tensor maps of the bulk copy engine, through the driver entry point (no link against libcuda).
#pragma once

#include <cstdint>

#include <cuda.h>

namespace orrery::profiler {

/// A row-major [rows, columns] tensor of `type`, rows `row_bytes` apart (a multiple of 16), read or written in boxes of
/// box_rows x box_columns; with `swizzle`, box_columns must span 128 bytes and shared memory is 128-byte swizzled.
/// Elements outside read as zero and are not written. Throws DeviceError.
CUtensorMap MakeTensorMap(CUtensorMapDataType type, const void* base, std::uint64_t rows,
                          std::uint64_t columns, std::uint64_t row_bytes, std::uint32_t box_rows,
                          std::uint32_t box_columns, bool swizzle = true);

}  // namespace orrery::profiler
