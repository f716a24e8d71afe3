#include "profiler/trace/kineto.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <iostream>
#include <limits>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/foreign_file.h"
#include "core/base/inputs_read.h"
#include "profiler/measurement/printable.h"
#include "profiler/trace/byte_source.h"
#include "profiler/trace/gunzip.h"
#include "profiler/trace/kineto_event.h"

namespace orrery::profiler {
namespace {

constexpr std::size_t kMaxShapesText = 4096;

/// "12.4" of 12040, as CUDA counts its versions.
std::string CudaVersion(std::int64_t version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

/// A stream's or a correlation's number or handle, whole: handles take 64 bits. Absent of a negative number,
/// which means none.
std::optional<std::uint64_t> Handle(const std::string& text) {
  std::uint64_t handle = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), handle);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(handle) : std::nullopt;
}

/// SAX handler: follows where in the document it is by a stack of frames and fills one event at a time.
class KinetoHandler final : public nlohmann::json_sax<nlohmann::json> {
 public:
  KinetoHandler(TraceBuilder& builder, KinetoEventSink& sink, ByteSource& bytes, std::string file)
      : builder_(builder), sink_(sink), bytes_(bytes), file_(std::move(file)) {}

  bool saw_events() const { return saw_events_; }
  std::uint64_t event_count() const { return event_count_; }

  bool null() override { return Taken(); }
  bool boolean(bool) override { return Taken(); }
  bool number_integer(number_integer_t value) override { return Number(value, std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    const auto top = static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max());
    return Number(static_cast<std::int64_t>(std::min(value, top)), std::to_string(value));
  }
  bool number_float(number_float_t value, const string_t& text) override {
    constexpr double kTop = 9e18;
    return Number(static_cast<std::int64_t>(std::clamp(value, -kTop, kTop)), text);
  }
  bool string(string_t& value) override;
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override;
  bool end_object() override;
  bool start_array(std::size_t) override;
  bool end_array() override;
  bool key(string_t& value) override {
    key_ = std::move(value);
    return Taken();
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& e) override;

 private:
  enum class Frame { kTop, kEvents, kEvent, kArgs, kTriple, kShapes, kDevices, kDevice, kDistributed, kSkip };
  Frame frame() const { return frames_.empty() ? Frame::kSkip : frames_.back(); }
  /// A value has been taken in, so that the next may begin.
  bool Taken() {
    bytes_.Mark();
    return true;
  }
  void Enter(Frame next);
  Frame ObjectFrame() const;
  Frame ArrayFrame() const;
  bool Number(std::int64_t value, const std::string& text);
  void TopNumber(std::int64_t value, const std::string& text);
  void DeviceNumber(std::int64_t value, const std::string& text);
  void DeviceText(string_t& value);
  void TopText(string_t& value);
  void EventText(string_t& value);
  int Sms(std::int64_t value, const std::string& text) const;
  [[noreturn]] void Fail(const std::string& where, const std::string& value,
                         const std::string& expected) const;
  [[noreturn]] void RefuseSecond(const std::string& key) const;
  void EventNumber(std::int64_t value, const std::string& text);
  void ArgsNumber(std::int64_t value, const std::string& text);
  void ShapesText(std::string_view text);

  TraceBuilder& builder_;
  KinetoEventSink& sink_;
  ByteSource& bytes_;
  std::string file_;
  std::vector<Frame> frames_;
  std::string key_;
  KinetoEvent event_;
  std::size_t triple_index_ = 0;
  std::array<std::int64_t, 3>* triple_ = nullptr;
  std::uint64_t event_count_ = 0;
  bool saw_events_ = false;
};

KinetoHandler::Frame KinetoHandler::ObjectFrame() const {
  if (frames_.empty()) return Frame::kTop;
  if (frame() == Frame::kEvents) return Frame::kEvent;
  if (frame() == Frame::kEvent && key_ == "args") return Frame::kArgs;
  if (frame() == Frame::kDevices) return Frame::kDevice;
  if (frame() == Frame::kTop && key_ == "distributedInfo") return Frame::kDistributed;
  return Frame::kSkip;
}

KinetoHandler::Frame KinetoHandler::ArrayFrame() const {
  if (frames_.empty()) return Frame::kEvents;  // Chrome's bare array of events
  if (frame() == Frame::kTop && key_ == "traceEvents") return Frame::kEvents;
  if (frame() == Frame::kTop && key_ == "deviceProperties") return Frame::kDevices;
  if (frame() == Frame::kArgs && (key_ == "grid" || key_ == "block")) return Frame::kTriple;
  if (frame() == Frame::kShapes || (frame() == Frame::kArgs && key_ == "Input Dims")) return Frame::kShapes;
  return Frame::kSkip;
}

void KinetoHandler::Enter(Frame next) {
  if (frames_.size() == kMaxLevels) {
    throw InputError(Place{file_}, fmt::format("nested more than {} deep at byte {}, after event {}",
                                               kMaxLevels, bytes_.position(), event_count_));
  }
  frames_.push_back(next);
  Taken();
}

bool KinetoHandler::start_object(std::size_t) {
  Enter(ObjectFrame());
  if (frame() == Frame::kEvent) event_ = {};
  auto& devices = builder_.trace().info.devices;
  if (frame() == Frame::kDevice) {  // numbered in order where it does not say
    const auto id = static_cast<std::int32_t>(devices.size());
    devices.emplace_back().id = id;
  }
  return true;
}

bool KinetoHandler::end_object() {
  if (frame() == Frame::kEvent) sink_.Add(event_, event_count_++, bytes_.position());
  frames_.pop_back();
  return true;
}

bool KinetoHandler::start_array(std::size_t) {
  const Frame next = ArrayFrame();
  if (next == Frame::kTriple) {
    triple_ = key_ == "grid" ? &event_.grid : &event_.block;
    triple_index_ = 0;
  }
  if (next == Frame::kEvents) {
    if (saw_events_) RefuseSecond("'traceEvents'");
    saw_events_ = true;
  }
  if (next == Frame::kDevices && !builder_.trace().info.devices.empty()) RefuseSecond("'deviceProperties'");
  Enter(next);
  if (next == Frame::kShapes) ShapesText("[");
  return true;
}

bool KinetoHandler::end_array() {
  if (frame() == Frame::kShapes) event_.shapes += "]";
  frames_.pop_back();
  return true;
}

void KinetoHandler::ShapesText(std::string_view text) {
  std::string& shapes = event_.shapes;
  if (shapes.size() > kMaxShapesText) return;
  if (!shapes.empty() && shapes.back() != '[') shapes += ", ";
  shapes += text;
}

bool KinetoHandler::Number(std::int64_t value, const std::string& text) {
  Taken();
  TraceInfo& info = builder_.trace().info;
  switch (frame()) {
    case Frame::kEvent:
      EventNumber(value, text);
      break;
    case Frame::kArgs:
      ArgsNumber(value, text);
      break;
    case Frame::kTriple:
      if (triple_index_ < 3) (*triple_)[triple_index_++] = value;
      break;
    case Frame::kShapes:
      ShapesText(text);
      break;
    case Frame::kTop:
      TopNumber(value, text);
      break;
    case Frame::kDevice:
      DeviceNumber(value, text);
      break;
    case Frame::kDistributed:
      if (key_ == "rank") info.rank = static_cast<int>(value);
      if (key_ == "world_size") info.world_size = static_cast<int>(value);
      break;
    default:
      break;
  }
  return true;
}

void KinetoHandler::TopNumber(std::int64_t value, const std::string& text) {
  TraceInfo& info = builder_.trace().info;
  if (key_ == "baseTimeNanoseconds") info.epoch_ns = value;
  if (key_ == "cuda_driver_version") info.driver = "CUDA " + CudaVersion(value) + " driver";
  if (key_ == "cuda_runtime_version") info.cuda_runtime = CudaVersion(value);
  if (key_ == "cupti_version") info.cupti = text;
}

int KinetoHandler::Sms(std::int64_t value, const std::string& text) const {
  if (value < 1 || value > kMaxSms)
    Fail("'numSms' in 'deviceProperties'", text, fmt::format("a whole number from 1 to {}", kMaxSms));
  return static_cast<int>(value);
}

void KinetoHandler::Fail(const std::string& where, const std::string& value,
                         const std::string& expected) const {
  throw InputError(Place{file_},
                   fmt::format("{}: '{}': expected {}", where, Printable(value.substr(0, 80)), expected));
}

void KinetoHandler::RefuseSecond(const std::string& key) const {
  throw InputError(Place{file_}, fmt::format("a second list of {} begins at byte {}: two traces in one file; "
                                             "expected one",
                                             key, bytes_.position()));
}

void KinetoHandler::DeviceNumber(std::int64_t value, const std::string& text) {
  TraceDevice& device = builder_.trace().info.devices.back();
  if (key_ == "id") device.id = static_cast<std::int32_t>(std::clamp<std::int64_t>(value, 0, INT32_MAX));
  if (key_ == "numSms") device.sms = Sms(value, text);
  if (key_ == "totalGlobalMem")
    device.memory_bytes = std::clamp<std::int64_t>(value, 0, std::int64_t{1} << 60);
  if (key_ == "computeMajor") device.compute_capability = text;
  if (key_ == "computeMinor") device.compute_capability += "." + text;
}

void KinetoHandler::EventNumber(std::int64_t value, const std::string& text) {
  if (key_ == "tid") event_.thread = value;
  if (key_ != "ts" && key_ != "dur") return;
  const std::optional<std::int64_t> time = ParseMicroseconds(text);
  if (!time) event_.bad_time = fmt::format("'{}' {} is out of range, expected microseconds", key_, text);
  (key_ == "ts" ? event_.start_ns : event_.duration_ns) = time;
}

void KinetoHandler::ArgsNumber(std::int64_t value, const std::string& text) {
  if (key_ == "correlation") event_.correlation = Handle(text).value_or(0);
  if (key_ == "stream") event_.stream = Handle(text);
  if (key_ == "device") event_.device = value;
  if (key_ == "bytes") event_.bytes = value;
  if (key_ == "registers per thread") event_.registers = value;
  if (key_ == "shared memory") event_.shared_bytes = value;
}

bool KinetoHandler::string(string_t& value) {
  Taken();
  switch (frame()) {
    case Frame::kEvent:
      EventText(value);
      break;
    case Frame::kArgs:
      if (key_ == "device" || key_ == "stream")
        event_.bad_place =
            fmt::format("'{}' is a text, '{}', expected a number", key_, Printable(value.substr(0, 40)));
      break;
    case Frame::kTop:
      TopText(value);
      break;
    case Frame::kDevice:
      DeviceText(value);
      break;
    case Frame::kShapes:
      ShapesText(value);
      break;
    default:
      break;
  }
  return true;
}

void KinetoHandler::EventText(string_t& value) {
  if (key_ == "ph") event_.phase = std::move(value);
  if (key_ == "cat") event_.category = std::move(value);
  if (key_ == "name") event_.name = std::move(value);
  if (key_ == "ts" || key_ == "dur")
    event_.bad_time = fmt::format("'{}' is a text, '{}', expected a number of microseconds", key_,
                                  Printable(value.substr(0, 40)));
}

void KinetoHandler::TopText(string_t& value) {
  if (key_ == "traceName") builder_.trace().info.trace_name = std::move(value);
  if (key_ == "schema" && value.starts_with("orrery-")) {
    throw InputError(Place{file_}, fmt::format("is no trace but a file of orrery's own ('{}'), which is read "
                                               "from a regular file alone: name the file",
                                               Printable(value.substr(0, 40))));
  }
}

void KinetoHandler::DeviceText(string_t& value) {
  if (key_ == "name") builder_.trace().info.devices.back().name = std::move(value);
  if (key_ == "numSms") Sms(0, value);
}

bool KinetoHandler::parse_error(std::size_t byte, const std::string&, const nlohmann::json::exception& e) {
  const std::string where = fmt::format("at byte {}, after event {}", byte, event_count_);
  if (bytes_.AtEnd())
    throw InputError(Place{file_}, "the trace is cut off " + where + ": record it again or copy it whole");
  std::string reason = e.what();
  for (const std::string_view words : {"syntax error", "number overflow"})
    if (const std::size_t from = reason.find(words); from != std::string::npos) reason = reason.substr(from);
  throw InputError(Place{file_}, "not valid JSON " + where + ": " + reason.substr(0, 200));
}

/// Says what a file is that starts like `source`, if it is known to be no trace.
void RefuseOthers(const ByteSource& source, const std::string& name) {
  if (source.AtEnd()) throw InputError(Place{name}, "the file is empty");
  const auto first = static_cast<unsigned char>(source.Current());
  if (source.Start().starts_with("\x28\xb5\x2f\xfd"))
    throw InputError(Place{name}, "compressed with zstd: use 'zstd -dc FILE | orrery profile import -'");
  if (const auto foreign = ForeignFile(source.Start())) throw InputError(Place{name}, "is " + *foreign);
  if (first >= 0xfe || first == 0)
    throw InputError(Place{name}, "is UTF-16 or UTF-32, expected JSON in UTF-8: convert it with iconv");
  if (first == 0x28 || first == 0xb5 || first == 'S' || first == 'P' || first == 'N') {
    throw InputError(
        Place{name},
        "not a Chrome trace in JSON (Perfetto protobuf, SQLite, zip, nsys-rep or the like): export the "
        "trace with prof.export_chrome_trace(FILE)");
  }
}

void RequireGpuEvents(const KinetoHandler& handler, const KinetoEventSink& sink, const std::string& name,
                      std::size_t events) {
  if (!handler.saw_events()) {
    throw InputError(
        Place{name},
        "JSON without 'traceEvents': not a Chrome trace; export it with prof.export_chrome_trace(FILE)");
  }
  if (events == 0) {
    throw InputError(
        Place{name},
        fmt::format("no GPU events (category kernel, gpu_memcpy or gpu_memset) among {}; categories: {}. "
                    "Was it recorded with ProfilerActivity.CUDA, by the PyTorch profiler?",
                    handler.event_count(), sink.Categories()));
  }
}

}  // namespace

Trace ReadKinetoTrace(std::istream& stream, const std::string& name) {
  std::optional<Gunzip> gunzip;
  if (StartsAsGzip(stream)) gunzip.emplace(stream, name);
  ByteSource source =
      gunzip ? ByteSource([&](char* to, std::size_t size) { return gunzip->Read(to, size); }, name)
             : ByteSource(stream, name);
  RefuseOthers(source, name);
  TraceBuilder builder;
  KinetoEventSink sink(builder, name);
  KinetoHandler handler(builder, sink, source, name);
  nlohmann::json::sax_parse(source.begin(), source.end(), &handler);
  RequireGpuEvents(handler, sink, name, builder.trace().events.size());
  builder.trace().info.source = name;
  builder.trace().info.events_read = handler.event_count();
  ResolveDevices(&builder.trace(), name);
  return builder.Finish();
}

bool IsKinetoTrace(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) return false;
  NoteInput(file);
  std::ifstream stream(file, std::ios::binary);
  std::string start(std::size_t{1} << 20, '\0');
  try {
    if (StartsAsGzip(stream)) {
      start.resize(Gunzip(stream, file.string()).Read(start.data(), start.size()));
    } else {
      stream.read(start.data(), static_cast<std::streamsize>(start.size()));
      start.resize(static_cast<std::size_t>(stream.gcount()));
    }
  } catch (const InputError&) {
    return false;  // whoever reads it says why
  }
  const std::size_t first = start.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return false;
  return (start[first] == '{' && start.find("\"traceEvents\"") != std::string::npos) ||
         (start[first] == '[' && start.find("\"ph\"") != std::string::npos);
}

Trace ReadKinetoTrace(const std::filesystem::path& file) {
  if (file == "-") return ReadKinetoTrace(std::cin, "standard input");
  std::error_code error;
  if (!std::filesystem::exists(file, error)) throw InputError(Place{file.string()}, "no such file");
  if (std::filesystem::is_directory(file, error))
    throw InputError(Place{file.string()}, "is a folder, expected a trace");
  NoteInput(file);
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw InputError(Place{file.string()}, "cannot be read");
  return ReadKinetoTrace(stream, file.string());
}

}  // namespace orrery::profiler
