#include "profiler/trace/kineto_event.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "core/base/error.h"
#include "profiler/measurement/printable.h"

namespace orrery::profiler {
namespace {

constexpr std::size_t kMaxCategories = 64;  // in messages; a hostile file may have one per event
constexpr std::int64_t kMaxTimeNs = (std::int64_t{1} << 62) - 1;  // so that start + duration fits
// Further apart than any one recording runs, nearer than any two clocks' epochs (boot and 1970, say): 30
// days.
constexpr std::int64_t kMaxSpanNs = std::int64_t{30} * 24 * 3600 * 1'000'000'000;

std::optional<GpuEventKind> GpuKind(const std::string& category) {
  if (category == "kernel" || category == "Kernel") return GpuEventKind::kKernel;
  if (category == "gpu_memcpy" || category == "Memcpy") return GpuEventKind::kMemcpy;
  if (category == "gpu_memset" || category == "Memset") return GpuEventKind::kMemset;
  return std::nullopt;
}

bool IsLaunch(const std::string& category) {
  return category == "cuda_runtime" || category == "cuda_driver" || category == "Runtime";
}

std::int32_t Narrow(std::int64_t value, std::int64_t low, std::int64_t high) {
  return static_cast<std::int32_t>(std::clamp(value, low, high));
}

/// Within what a launch can have (CUDA C++ Programming Guide, compute capabilities), so that products fit.
std::array<std::int32_t, 3> Narrow(const std::array<std::int64_t, 3>& wide) {
  constexpr std::int64_t kMaxYZ = 65535;
  return {Narrow(wide[0], 0, INT32_MAX), Narrow(wide[1], 0, kMaxYZ), Narrow(wide[2], 0, kMaxYZ)};
}

std::optional<std::int64_t> FromDouble(const std::string& text) {
  double us = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), us);
  if (error != std::errc() || end != text.data() + text.size() || !(std::abs(us) < 4e15)) return std::nullopt;
  return std::llround(us * 1000.0);
}

}  // namespace

std::optional<std::int64_t> ParseMicroseconds(const std::string& text) {
  std::int64_t whole = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, whole);
  if (error != std::errc() || std::abs(whole) > kMaxTimeNs / 1000) return FromDouble(text);
  if (rest == end) return whole * 1000;
  if (*rest != '.' ||
      text.find_first_not_of("0123456789", static_cast<std::size_t>(rest + 1 - text.data())) !=
          std::string::npos) {
    return FromDouble(text);
  }
  std::string digits(rest + 1, end);
  digits.resize(4, '0');
  const int thousandths =
      (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0') + (digits[3] >= '5' ? 1 : 0);
  return whole * 1000 + (text[0] == '-' ? -thousandths : thousandths);
}

void ResolveDevices(Trace* trace, const std::string& file) {
  std::set<std::int32_t> named;
  for (const GpuEvent& event : trace->events) named.insert(event.device);
  if (named.erase(kNoDevice) == 0) return;
  if (named.empty() && trace->info.devices.size() == 1) named.insert(trace->info.devices.front().id);
  if (named.empty()) named.insert(0);
  for (GpuEvent& event : trace->events) {
    if (event.device != kNoDevice) continue;
    if (named.size() > 1) {
      throw InputError(Place{file},
                       fmt::format("'{}' at {} us names no GPU ('device' in its 'args'), and the trace "
                                   "has events of several",
                                   Printable(trace->name(event).substr(0, 80)),
                                   static_cast<double>(event.start_ns) / 1000));
    }
    event.device = *named.begin();
  }
}

void KinetoEventSink::Add(const KinetoEvent& event, std::uint64_t index, std::uint64_t byte) {
  if (categories_.size() < kMaxCategories || categories_.contains(event.category))
    ++categories_[event.category];
  if (event.phase != "X") return;
  const std::optional<GpuEventKind> kind = GpuKind(event.category);
  const bool annotation = event.category == "user_annotation";
  const bool operation = event.category == "cpu_op" || event.category == "Operator";
  const bool launch = IsLaunch(event.category);
  if (!kind && !annotation && !operation && !launch) return;
  const auto fail = [&](const std::string& what) {
    throw InputError(Place{file_},
                     fmt::format("event {} (ends at byte {}), '{}' of category '{}': {}", index, byte,
                                 Printable(event.name.substr(0, 80)), Printable(event.category), what));
  };
  if (!event.bad_time.empty()) fail(event.bad_time);
  if (kind && !event.bad_place.empty()) fail(event.bad_place);
  if (kind && event.name.empty()) fail("has no name, expected a text");
  if (!event.start_ns) fail("has no start time 'ts'");
  if (!event.duration_ns) fail("has no duration 'dur'");
  if (*event.duration_ns < 0)
    fail(fmt::format("duration {} us is negative", static_cast<double>(*event.duration_ns) / 1000));
  if (*event.duration_ns > kMaxTimeNs || std::abs(*event.start_ns) > kMaxTimeNs) fail("time out of range");
  if (*event.start_ns < 0)
    fail(fmt::format("time {} us is negative", static_cast<double>(*event.start_ns) / 1000));
  if (kind && std::abs(*event.start_ns - first_start_ns_.value_or(*event.start_ns)) > kMaxSpanNs) {
    fail("starts more than 30 days from the first GPU event: times of two clocks in one trace");
  }
  if (kind && *event.duration_ns > kMaxSpanNs) fail("lasts more than 30 days");
  if (kind && !first_start_ns_) first_start_ns_ = event.start_ns;
  if (builder_.trace().events.size() >= TraceBuilder::kMaxEvents)
    fail("too many GPU events for one import: split the trace");
  if (kind) AddGpuEvent(event, *kind);
  if (launch) builder_.trace().launches.push_back({event.correlation, event.thread, *event.start_ns});
  if (annotation) builder_.trace().annotations.push_back(MakeRange(event));
  if (operation) builder_.trace().operators.push_back(MakeRange(event));
}

void KinetoEventSink::AddGpuEvent(const KinetoEvent& event, GpuEventKind kind) {
  GpuEvent out;
  out.kind = kind;
  out.start_ns = *event.start_ns;
  out.duration_ns = *event.duration_ns;
  out.correlation = event.correlation;
  out.bytes = event.bytes;
  out.grid = Narrow(event.grid);
  out.block = Narrow(event.block);
  out.name = builder_.Intern(event.name);
  out.device = Narrow(event.device, kNoDevice, INT32_MAX);
  out.stream = event.stream.value_or(static_cast<std::uint64_t>(event.thread));
  out.shared_bytes = Narrow(event.shared_bytes, 0, INT32_MAX);
  out.registers = static_cast<std::uint16_t>(Narrow(event.registers, 0, UINT16_MAX));
  builder_.trace().events.push_back(out);
}

Range KinetoEventSink::MakeRange(const KinetoEvent& event) {
  return {event.thread, *event.start_ns, *event.duration_ns, builder_.Intern(event.name),
          builder_.Intern(event.shapes)};
}

std::string KinetoEventSink::Categories() const {
  std::string text;
  for (const auto& [name, count] : categories_) {
    text +=
        fmt::format("{}{} ({})", text.empty() ? "" : ", ", name.empty() ? "none" : Printable(name), count);
  }
  return text.empty() ? "none" : text;
}

}  // namespace orrery::profiler
