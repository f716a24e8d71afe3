// Reads a kernel log, line by line.
#include <algorithm>
#include <array>
#include <fstream>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/inputs_read.h"
#include "profiler/trace/kernel_log.h"

namespace orrery::profiler {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kMaxDurationNs = std::int64_t{30} * 24 * 3600 * 1'000'000'000;
constexpr std::string_view kStart = R"({"schema":"orrery-kernel-log")";

class Reader {
 public:
  Reader(std::istream& stream, std::string name) : stream_(stream), file_(std::move(name)) {}

  Trace Read() {
    std::string line;
    bool ended = false;
    while (NextLine(&line)) {
      if (ended) Fail("stands behind the closing line");
      const bool last = stream_.eof();  // no newline behind it: the program was killed while writing
      Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (json.is_discarded() && last && line_ > 1) break;
      if (json.is_discarded()) Fail("is not JSON");
      if (line_ == 1) {
        ReadHeader(json);
      } else if (json.is_object()) {
        ended = ReadEnd(json);
      } else {
        ReadRecord(json);
      }
    }
    if (line_ == 0) throw InputError(Place{file_}, "the file is empty");
    if (!ended) Note("the log has no closing line: the program was killed or is still running");
    builder_.trace().info.source = file_;
    builder_.trace().info.events_read = static_cast<std::uint64_t>(line_);
    return builder_.Finish();
  }

 private:
  /// False at the end. What has no line breaks is no log, however long it goes on.
  bool NextLine(std::string* line) {
    stream_.getline(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
    if (stream_.bad()) throw InputError(Place{file_}, "cannot be read to its end");
    if (stream_.fail() && stream_.eof()) return false;
    ++line_;
    if (stream_.fail()) Fail(fmt::format("is longer than {} bytes", buffer_.size() - 1));
    const auto taken = static_cast<std::size_t>(stream_.gcount());
    line->assign(buffer_.data(), stream_.eof() ? taken : taken - 1);  // without its line break
    return true;
  }
  [[noreturn]] void Fail(const std::string& what) const { throw InputError(Place{file_, line_, 0}, what); }
  void Note(const std::string& text) {
    std::string& note = builder_.trace().info.note;
    note += (note.empty() ? "" : "; ") + text;
  }

  void ReadHeader(const Json& json);
  const Json& Field(const Json& json, const char* key, bool number) const;
  std::string Text(const Json& json, const char* key) const;
  std::int64_t Number(const Json& json, const char* key, std::int64_t low, std::int64_t high) const;
  TraceDevice DeviceOf(const Json& json, std::int32_t id) const;
  bool ReadEnd(const Json& json);
  void ReadRecord(const Json& json);
  void AddKernel(const Json& json);
  void AddCopy(const Json& json, GpuEventKind kind);
  void AddRange(const Json& json);
  std::int64_t Int(const Json& json, std::size_t index) const {
    if (index >= json.size() || !json[index].is_number_integer())
      Fail(fmt::format("expected a whole number as item {}", index + 1));
    return json[index].get<std::int64_t>();
  }
  std::int32_t Small(const Json& json, std::size_t index) const {
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(Int(json, index), 0, INT32_MAX));
  }
  NameId NameOf(const Json& json) const {
    const auto it = names_.find(Int(json, 1));
    if (it == names_.end()) Fail("names a kernel that no line before it gave");
    return it->second;
  }
  std::int64_t Duration(std::int64_t start, std::int64_t end) const {
    if (start < 0 || end < start) Fail(fmt::format("ends at {} ns before it starts at {} ns", end, start));
    if (end - start > kMaxDurationNs) Fail("lasts more than 30 days");
    return end - start;
  }
  std::array<std::int32_t, 3> Triple(const Json& json, std::size_t index) const {
    if (index >= json.size() || !json[index].is_array() || json[index].size() != 3)
      Fail("expected three numbers");
    constexpr std::int32_t kMaxYZ = 65535;  // of any grid
    return {Small(json[index], 0), std::min(Small(json[index], 1), kMaxYZ),
            std::min(Small(json[index], 2), kMaxYZ)};
  }

  std::istream& stream_;
  std::string file_;
  std::vector<char> buffer_ = std::vector<char>(std::size_t{1} << 18);  // kernel names have kilobytes
  int line_ = 0;
  TraceBuilder builder_;
  std::unordered_map<std::int64_t, NameId> names_;
};

/// A field of the header.
const Json& Reader::Field(const Json& json, const char* key, bool number) const {
  const auto it = json.find(key);
  if (it == json.end()) Fail(fmt::format("has a bad header: '{}' is missing", key));
  if (number ? !it->is_number_integer() : !it->is_string())
    Fail(fmt::format("has a bad header: '{}': expected a {}", key, number ? "whole number" : "text"));
  return *it;
}

std::string Reader::Text(const Json& json, const char* key) const {
  return Field(json, key, /*number=*/false).get<std::string>();
}

std::int64_t Reader::Number(const Json& json, const char* key, std::int64_t low, std::int64_t high) const {
  const auto value = Field(json, key, /*number=*/true).get<std::int64_t>();
  if (value < low || value > high)
    Fail(fmt::format("has a bad header: '{}': {}: expected a whole number from {} to {}", key, value, low,
                     high));
  return value;
}

/// 0 SMs: the driver did not say.
TraceDevice Reader::DeviceOf(const Json& json, std::int32_t id) const {
  return {id, Text(json, "device"), Text(json, "compute_capability"),
          static_cast<int>(Number(json, "sms", 0, kMaxSms)), 0};
}

void Reader::ReadHeader(const Json& json) {
  if (!json.is_object() || json.value("schema", Json()) != "orrery-kernel-log")
    Fail("is no kernel log of orrery profile attach");
  if (json.value("schema_version", Json()) != 1)
    Fail("has a schema_version this program does not know; expected 1");
  TraceInfo& info = builder_.trace().info;
  info.program = Text(json, "program");
  info.trace_name = fmt::format("{} (pid {})", info.program, Number(json, "pid", 0, INT64_MAX));
  info.rank = static_cast<int>(Number(json, "rank", -1, INT32_MAX));
  info.world_size = static_cast<int>(Number(json, "world_size", 0, INT32_MAX));
  info.devices.push_back(DeviceOf(json, 0));
  if (const auto more = json.find("more_devices"); more != json.end()) {
    if (!more->is_array()) Fail("has a bad header: 'more_devices': expected a list");
    for (const Json& device : *more) {
      if (!device.is_object()) Fail("has a bad header: 'more_devices': expected maps");
      info.devices.push_back(DeviceOf(device, static_cast<std::int32_t>(Number(device, "id", 0, INT32_MAX))));
    }
  }
  if (json.contains("driver")) info.driver = Text(json, "driver");
  if (json.contains("cupti")) {
    const std::int64_t cupti = Number(json, "cupti", 0, UINT32_MAX);
    if (cupti > 0) info.cupti = std::to_string(cupti);
  }
}

bool Reader::ReadEnd(const Json& json) {
  for (const char* loss : {"dropped", "untimed"}) {
    const std::int64_t count =
        json.contains(loss) && json[loss].is_number_integer() ? json[loss].get<std::int64_t>() : 0;
    if (count > 0) Note(fmt::format("{} records {}", count, loss));
  }
  return json.contains("end");
}

void Reader::ReadRecord(const Json& json) {
  if (!json.is_array() || json.empty() || !json[0].is_string()) Fail("is no record");
  const auto& type = json[0].get_ref<const std::string&>();
  if (type == "kernel") return AddKernel(json);
  if (type == "memcpy") return AddCopy(json, GpuEventKind::kMemcpy);
  if (type == "memset") return AddCopy(json, GpuEventKind::kMemset);
  if (type == "range") return AddRange(json);
  if (type == "launch") {
    builder_.trace().launches.push_back(
        {static_cast<std::uint64_t>(Int(json, 1)), Int(json, 2), Int(json, 3)});
  } else if (type == "clock") {
    builder_.trace().sm_clocks_mhz.push_back(static_cast<double>(Int(json, 2)));
  } else if (type == "name") {
    if (json.size() != 3 || !json[2].is_string()) Fail("expected [\"name\", number, text]");
    names_[Int(json, 1)] = builder_.Intern(json[2].get_ref<const std::string&>());
  } else {
    Fail("unknown record '" + type + "'");
  }
}

void Reader::AddKernel(const Json& json) {
  if (builder_.trace().events.size() >= TraceBuilder::kMaxEvents) Fail("too many GPU events for one report");
  GpuEvent event;
  event.name = NameOf(json);
  event.start_ns = Int(json, 2);
  event.duration_ns = Duration(event.start_ns, Int(json, 3));
  event.device = Small(json, 4);
  event.stream = static_cast<std::uint64_t>(std::max<std::int64_t>(Int(json, 5), 0));
  event.correlation = static_cast<std::uint64_t>(Int(json, 6));
  event.grid = Triple(json, 7);
  event.block = Triple(json, 8);
  event.registers = static_cast<std::uint16_t>(Small(json, 9));
  event.shared_bytes = Small(json, 10);
  builder_.trace().events.push_back(event);
}

void Reader::AddCopy(const Json& json, GpuEventKind kind) {
  GpuEvent event;
  event.kind = kind;
  event.name = NameOf(json);
  event.bytes = Int(json, 2);
  event.start_ns = Int(json, 3);
  event.duration_ns = Duration(event.start_ns, Int(json, 4));
  event.device = Small(json, 5);
  event.stream = static_cast<std::uint64_t>(std::max<std::int64_t>(Int(json, 6), 0));
  event.correlation = static_cast<std::uint64_t>(Int(json, 7));
  builder_.trace().events.push_back(event);
}

void Reader::AddRange(const Json& json) {
  const std::int64_t start = Int(json, 3);
  builder_.trace().annotations.push_back(
      {Int(json, 2), start, Duration(start, Int(json, 4)), NameOf(json), 0});
}

}  // namespace

bool IsKernelLog(const std::filesystem::path& file) { return ReadStart(file, kStart.size()) == kStart; }

Trace ReadKernelLog(std::istream& stream, const std::string& name) { return Reader(stream, name).Read(); }

Trace ReadKernelLog(const std::filesystem::path& file) {
  NoteInput(file);
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw InputError(Place{file.string()}, "cannot be read");
  return ReadKernelLog(stream, file.string());
}

}  // namespace orrery::profiler
