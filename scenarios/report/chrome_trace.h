// The pieces of a Chrome/Perfetto trace that every workload writes alike. Times are picoseconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace orrery::scenarios {

inline constexpr std::string_view kTraceHead = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n";

/// What ran on a stream, a line; `task`: of the schedule, told among its arguments.
std::string TraceSlice(int process, int stream, const std::string& name, std::int64_t start, std::int64_t end,
                       std::optional<std::uint32_t> task = std::nullopt);
/// The names of a process and of its streams, a line each.
std::string TraceNames(int process, const std::string& name, int streams,
                       std::string_view (*name_of)(int stream));
/// The last event, and the end of the file.
std::string TraceEnd(const char* what, double microseconds);

}  // namespace orrery::scenarios
