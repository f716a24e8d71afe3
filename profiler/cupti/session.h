// One recording: subscribe, buffers, enable, flush, stop. The order CUPTI wants, the errors it can give in
// words, and every record decoded once and handed to a sink. Knows no CUDA: it runs against a fake in tests.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "profiler/cupti/api.h"
#include "profiler/cupti/records.h"

namespace orrery::profiler::cupti {

struct SessionOptions {
  std::vector<ActivityKind> required = {ActivityKind::kConcurrentKernel};
  /// Recorded where the device and the privilege allow it.
  std::vector<ActivityKind> optional = {ActivityKind::kMemcpy, ActivityKind::kMemset,
                                        ActivityKind::kOverhead};
  std::size_t buffer_bytes = std::size_t{4} << 20;  ///< CUPTI advises 1 to 10 MB
  std::size_t max_buffers = 64;                     ///< beyond this buffers are rejected and records dropped
};

/// What was lost; a report says so where any is not 0.
struct SessionLosses {
  std::size_t dropped = 0;    ///< by CUPTI for want of buffers
  std::size_t untimed = 0;    ///< kernels whose times CUPTI could not collect
  std::size_t undecoded = 0;  ///< records of kinds we did not ask for, or cut off
  std::size_t rejected_buffers = 0;
};

class Session final : private ActivityBuffers {
 public:
  /// Called with every record, one call at a time, from CUPTI's threads. Must not call CUPTI.
  using Sink = std::function<void(const ActivityRecord&)>;
  enum class State { kIdle, kRecording, kStopped };

  Session(Api& api, SessionOptions options, Sink sink);
  /// Stops if still recording; never throws.
  ~Session() override;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// UnavailableError naming the other profiler if one is attached, or saying that there is no driver.
  void Start();
  /// Hands over the buffers that are full. Cheap; call it now and then.
  void Flush();
  /// Hands over everything and unsubscribes. Synchronise the device first: CUPTI does not. Again does
  /// nothing.
  void Stop();

  State state() const { return state_; }
  const std::vector<ActivityKind>& enabled() const { return enabled_; }
  SessionLosses losses() const;

 private:
  struct Buffer {
    std::unique_ptr<std::uint8_t[]> bytes;
    bool in_use = false;
  };
  std::uint8_t* Request(std::size_t* size) override;
  void Complete(std::uint8_t* buffer, std::size_t valid) override;
  void Subscribe();
  void EnableKinds();
  void Abandon();
  void Deliver(std::uint8_t* buffer, std::size_t valid);
  void DeliverRecord(const std::uint8_t* record, std::size_t left);

  Api& api_;
  SessionOptions options_;
  Sink sink_;
  State state_ = State::kIdle;
  std::vector<ActivityKind> enabled_;
  // Neither mutex is ever held while calling flush or drop count: CUPTI takes its own there (deadlock).
  std::mutex pool_mutex_;
  std::vector<Buffer> pool_;
  std::mutex sink_mutex_;
  std::atomic<std::size_t> dropped_{0}, untimed_{0}, undecoded_{0}, rejected_{0};
};

}  // namespace orrery::profiler::cupti
