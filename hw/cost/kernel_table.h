// A file of measured kernels, hw/data/<device>/kernels/*.yaml: which op took how long on how many SMs. The schema is
// told in docs/calibration.md; the profiler writes the same.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/units.h"
#include "core/config/document.h"
#include "core/op/op.h"
#include "hw/device.h"

namespace orrery::hw {

/// What stands for a date, a driver, versions or clocks that nobody wrote down.
inline constexpr const char* kNotRecorded = "not recorded";

/// One measured kernel at one shape.
struct KernelRow {
  Op op;                       ///< label is what the table calls it, or ""
  int sms = 0;                 ///< SMs the kernel could use
  Time time{};                 ///< median alone
  std::optional<Time> beside;  ///< median while a communication payload kernel ran beside it
  std::int64_t count = 1;      ///< launches behind the median
  std::string kernel;          ///< name of the GPU kernel
  std::string source;
  std::string derived = {};  ///< what was taken off the time that was measured; "" for nothing
  Place place;
};

/// A table file.
struct KernelTable {
  std::string device;  ///< preset name the rows were measured on
  Place device_place;  ///< where the file says so
  /// "2026-01-31", or "" for one not recorded, which counts as older than every other; of two rows for one
  /// kernel and shape the later file's counts.
  std::string date;
  std::string source;
  std::string driver, libraries, clocks;  ///< as recorded; "not recorded" where the publisher did not
  MeasuredOn measured_on;                 ///< the sheet of the device then, as far as the file says
  std::optional<Time> launch_gap;         ///< median time between dependent kernels of one stream
  std::vector<KernelRow> rows;
  bool named = false;  ///< asked for by name or file, not only because it is one of the device's
  /// The kinds whose rows price another device that has none of its own; absent: all.
  std::optional<std::vector<OpKind>> lent = {};

  /// Whether a row of this kind prices.
  bool Lends(OpKind kind) const;
};

/// InputError with place on an unknown key, kind or column, a missing shape column, a time that is not
/// positive, a least time over the greatest, two rows of one case, a table without rows, a date that is none.
KernelTable ReadKernelTable(const std::filesystem::path& file);
KernelTable ParseKernelTable(const Value& root);

/// Whether two rows tell the time of one op on as many SMs: kind, shape with its bytes, label.
bool SameCase(const KernelRow& a, const KernelRow& b);

/// "gemm_fp8 m=4096 n=1536 k=7168 @112": names a row in messages and reports.
std::string RowText(const KernelRow& row);

}  // namespace orrery::hw
