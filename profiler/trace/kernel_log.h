// The kernel log: what the injection library writes, one file per process, while a program runs. JSON lines,
// so that a program that is killed leaves a log that can be read up to its last whole line.
//
//   {"schema":"orrery-kernel-log","schema_version":1,"pid":1,"rank":-1,"program":"python3",
//    "device":"NVIDIA H100", ...}                    of GPU 0; where the process sees more, "more_devices":
//                                                    [{"id":1,"device":"NVIDIA H100", ...}, ...]
//   ["name",1,"kernel name"]                         names are written once, then meant by number
//   ["kernel",name,start_ns,end_ns,device,stream,correlation,[gx,gy,gz],[bx,by,bz],registers,shared_bytes]
//   ["memcpy",name,bytes,start_ns,end_ns,device,stream,correlation]      and "memset"
//   ["launch",correlation,thread,start_ns]
//   ["range",name,thread,start_ns,end_ns]            an NVTX range
//   ["clock",time_ns,sm_mhz,memory_mhz,"throttle reasons"]
//   {"end":true,"dropped":0,"untimed":0,"undecoded":0}
#pragma once

#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "profiler/cupti/records.h"
#include "profiler/cupti/session.h"
#include "profiler/trace/trace.h"

namespace orrery::profiler {

struct KernelLogHeader {
  std::int64_t pid = 0;
  int rank = -1;  ///< RANK or LOCAL_RANK of the environment; -1 if neither is set
  int world_size = 0;
  std::string program;  ///< name of the executable
  std::string device;
  std::string compute_capability;
  int sms = 0;
  std::string driver;
  std::uint32_t cupti = 0;
  std::vector<TraceDevice> more_devices{};  ///< GPUs the process sees beside number 0, which is told above
};

/// "rank3-pid4711.jsonl", "pid4711.jsonl" without a rank.
std::string KernelLogFileName(const KernelLogHeader& header);

/// Writes a log. Not thread-safe; the session calls its sink one record at a time. Write errors are
/// remembered, not thrown: a profiled program goes on.
class KernelLogWriter {
 public:
  KernelLogWriter(const std::filesystem::path& file, const KernelLogHeader& header);
  ~KernelLogWriter();
  KernelLogWriter(const KernelLogWriter&) = delete;
  KernelLogWriter& operator=(const KernelLogWriter&) = delete;

  void Write(const cupti::ActivityRecord& record);
  /// Hands what is written so far to the system.
  void Flush();
  /// The closing line; nothing can be written after it.
  void Close(const cupti::SessionLosses& losses);
  bool ok() const { return ok_; }

 private:
  struct OpenRange {
    std::uint32_t name = 0, thread = 0;
    std::int64_t start_ns = 0;
  };
  void Line(std::string_view text);
  std::uint32_t NameNumber(std::string_view name);
  void operator()(const cupti::KernelRecord& r);
  void operator()(const cupti::MemcpyRecord& r);
  void operator()(const cupti::MemsetRecord& r);
  void operator()(const cupti::MarkerRecord& r);
  void operator()(const cupti::ApiRecord& r);
  void operator()(const cupti::EnvironmentRecord& r);
  void operator()(const cupti::ExternalCorrelationRecord&) {}
  void operator()(const cupti::OverheadRecord&) {}

  std::FILE* file_ = nullptr;
  bool ok_ = false;
  std::unordered_map<std::string, std::uint32_t> names_;
  std::map<std::uint32_t, OpenRange> open_;
};

/// Whether the file starts like a kernel log. Only a regular file can (as with IsMeasurement).
bool IsKernelLog(const std::filesystem::path& file);

/// InputError with file and line for anything that is no kernel log or against its format. A missing last
/// line or closing line is no error: info.note says so.
Trace ReadKernelLog(const std::filesystem::path& file);
Trace ReadKernelLog(std::istream& stream, const std::string& name);

}  // namespace orrery::profiler
