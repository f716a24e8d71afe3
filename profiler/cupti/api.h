// CUPTI behind a seam: what the profiler session calls. The device half implements it over the real library; tests
// over a fake. Calls return CUPTI's result code; none throws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "profiler/cupti/records.h"

namespace orrery::profiler::cupti {

/// CUptiResult: the codes the session tells apart.
enum Result : int {
  kSuccess = 0,
  kErrorMaxLimitReached = 12,  ///< end of a buffer
  kErrorNotInitialized = 15,
  kErrorInsufficientPrivileges = 35,
  kErrorMultipleSubscribers = 39,
  kErrorVirtualizedDeviceInsufficientPrivileges = 40,
  kErrorUnknown = 999,  ///< what every enable returns where there is no driver
};

/// Who gives CUPTI its buffers. Called from CUPTI's own threads.
class ActivityBuffers {
 public:
  virtual ~ActivityBuffers() = default;
  /// A buffer of *size bytes, 8-byte aligned. nullptr rejects (only allowed from CUPTI API version 27).
  virtual std::uint8_t* Request(std::size_t* size) = 0;
  /// CUPTI hands it back with `valid` bytes of records.
  virtual void Complete(std::uint8_t* buffer, std::size_t valid) = 0;
};

class Api {
 public:
  virtual ~Api() = default;
  virtual std::uint32_t Version() = 0;  ///< cuptiGetVersion
  virtual std::string ResultText(int result) = 0;
  /// cuptiSubscribe_v2 under the name "orrery"; on kErrorMultipleSubscribers *other names the tool in the
  /// way, or is "".
  virtual int Subscribe(std::string* other) = 0;
  virtual int Unsubscribe() = 0;
  /// cuptiActivityRegisterCallbacks; must come before Enable. `buffers` outlives the session.
  virtual int RegisterBuffers(ActivityBuffers* buffers) = 0;
  virtual int Enable(ActivityKind kind) = 0;
  virtual int Disable(ActivityKind kind) = 0;
  virtual int Flush(bool forced) = 0;
  /// cuptiActivityGetNextRecord: *record is the record before the call (nullptr at first), the next one after
  /// it.
  virtual int NextRecord(std::uint8_t* buffer, std::size_t valid, std::uint8_t** record) = 0;
  /// Records CUPTI dropped since the last call.
  virtual int DroppedRecords(std::size_t* dropped) = 0;
};

}  // namespace orrery::profiler::cupti
