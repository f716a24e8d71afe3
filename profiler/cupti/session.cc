#include "profiler/cupti/session.h"

#include <algorithm>
#include <new>

#include "core/base/error.h"

namespace orrery::profiler::cupti {
namespace {

// Before this API version a nullptr buffer crashes CUPTI (pytorch/kineto, CuptiActivityApi.cpp).
constexpr std::uint32_t kBufferRejectionMinVersion = 27;

std::string AnotherProfiler(const std::string& name) {
  const std::string who =
      name.empty() ? "another profiler (it gave no name)" : "another profiler, '" + name + "',";
  return who +
         " is attached to this process and CUPTI serves one at a time: run without it (nsys, ncu, the "
         "PyTorch profiler)";
}

}  // namespace

Session::Session(Api& api, SessionOptions options, Sink sink)
    : api_(api), options_(std::move(options)), sink_(std::move(sink)) {}

Session::~Session() {
  try {
    Stop();
  } catch (...) {  // nothing can be reported from here, and the records handed over so far are whole
  }
}

void Session::Start() {
  ORRERY_CHECK(state_ == State::kIdle, "a session is started once");
  Subscribe();
  state_ = State::kRecording;
  try {
    EnableKinds();
  } catch (...) {
    Abandon();
    throw;
  }
}

void Session::Subscribe() {
  std::string other;
  const int result = api_.Subscribe(&other);
  if (result == kErrorMultipleSubscribers) throw UnavailableError(AnotherProfiler(other));
  if (result == kErrorNotInitialized || result == kErrorUnknown) {
    throw UnavailableError("CUPTI cannot start: no NVIDIA driver or GPU here (" + api_.ResultText(result) +
                           ")");
  }
  if (result != kSuccess) throw UnavailableError("CUPTI cannot start: " + api_.ResultText(result));
}

void Session::EnableKinds() {
  int result = api_.RegisterBuffers(this);
  if (result != kSuccess) throw UnavailableError("CUPTI refuses our buffers: " + api_.ResultText(result));
  for (const ActivityKind kind : options_.required) {
    result = api_.Enable(kind);
    if (result != kSuccess) {
      throw UnavailableError("CUPTI cannot record activity kind " +
                             std::to_string(static_cast<unsigned>(kind)) + ": " + api_.ResultText(result) +
                             (result == kErrorUnknown ? " (no NVIDIA driver or GPU here)" : ""));
    }
    enabled_.push_back(kind);
  }
  for (const ActivityKind kind : options_.optional) {
    if (api_.Enable(kind) == kSuccess) enabled_.push_back(kind);
  }
}

void Session::Abandon() {
  for (const ActivityKind kind : enabled_) api_.Disable(kind);
  enabled_.clear();
  api_.Unsubscribe();
  state_ = State::kStopped;
}

void Session::Flush() {
  if (state_ == State::kRecording) api_.Flush(/*forced=*/false);
}

void Session::Stop() {
  if (state_ != State::kRecording) return;
  state_ = State::kStopped;
  api_.Flush(/*forced=*/true);
  for (const ActivityKind kind : enabled_) api_.Disable(kind);
  std::size_t dropped = 0;
  if (api_.DroppedRecords(&dropped) == kSuccess) dropped_ += dropped;
  api_.Unsubscribe();
}

SessionLosses Session::losses() const { return {dropped_, untimed_, undecoded_, rejected_}; }

std::uint8_t* Session::Request(std::size_t* size) {
  const std::lock_guard lock(pool_mutex_);
  *size = options_.buffer_bytes;
  for (Buffer& buffer : pool_) {
    if (buffer.in_use) continue;
    buffer.in_use = true;
    return buffer.bytes.get();
  }
  const bool may_reject = api_.Version() >= kBufferRejectionMinVersion;
  std::unique_ptr<std::uint8_t[]> bytes;
  if (pool_.size() < options_.max_buffers || !may_reject) {
    bytes.reset(new (std::nothrow) std::uint8_t[options_.buffer_bytes]);
  }
  if (bytes == nullptr) {
    ++rejected_;
    *size = 0;
    return nullptr;
  }
  pool_.push_back({std::move(bytes), true});
  return pool_.back().bytes.get();
}

void Session::Complete(std::uint8_t* buffer, std::size_t valid) {
  if (buffer == nullptr) return;
  Deliver(buffer, std::min(valid, options_.buffer_bytes));
  const std::lock_guard lock(pool_mutex_);
  for (Buffer& held : pool_) {
    if (held.bytes.get() == buffer) held.in_use = false;
  }
}

void Session::Deliver(std::uint8_t* buffer, std::size_t valid) {
  std::uint8_t* record = nullptr;
  const std::lock_guard lock(sink_mutex_);
  while (valid > 0 && api_.NextRecord(buffer, valid, &record) == kSuccess) {
    DeliverRecord(record, valid - static_cast<std::size_t>(record - buffer));
  }
}

void Session::DeliverRecord(const std::uint8_t* record, std::size_t left) {
  const std::optional<ActivityRecord> decoded = DecodeRecord(record, left);
  if (!decoded) {
    ++undecoded_;
    return;
  }
  const auto* kernel = std::get_if<KernelRecord>(&*decoded);
  if (kernel != nullptr && !kernel->timed()) {
    ++untimed_;
    return;
  }
  sink_(*decoded);
}

}  // namespace orrery::profiler::cupti
