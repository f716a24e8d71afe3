// Reader and writer of the measurement file.
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/date.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/foreign_file.h"
#include "core/config/document.h"
#include "core/op/op_traits.h"
#include "hw/cost/kernel_table.h"
#include "profiler/measurement/measurement.h"
#include "profiler/measurement/printable.h"

namespace orrery::profiler {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "orrery-measurements";
constexpr const char* kNoMeasurement =
    "not a measurement file: expected the key 'schema' with 'orrery-measurements'";
constexpr double kMaxDurationUs = 3.6e9;  // an hour: no kernel of a suite takes longer
constexpr std::int64_t kMaxProcess = 1000;
constexpr std::int64_t kMaxDimension = std::int64_t{1} << 40;

// ---- Writing.

Json ShapeJson(const OpShape& shape) {
  if (const auto* g = std::get_if<GemmShape>(&shape)) {
    return {{"type", "gemm"}, {"m", g->m}, {"n", g->n}, {"k", g->k}, {"groups", g->groups}};
  }
  if (const auto* a = std::get_if<AttentionShape>(&shape)) {
    return {{"type", "attention"},     {"batch", a->batch}, {"heads", a->heads},
            {"kv_heads", a->kv_heads}, {"q_len", a->q_len}, {"kv_len", a->kv_len},
            {"d_qk", a->d_qk},         {"d_v", a->d_v},     {"causal", a->causal}};
  }
  const auto& r = std::get<RowsShape>(shape);
  return {{"type", "rows"}, {"rows", r.rows}, {"cols", r.cols}};
}

/// The counters and their keys in the file, written and read through one table.
struct CounterField {
  const char* key;
  std::optional<double> KernelCounters::*member;
};
constexpr CounterField kCounterFields[] = {{"dram_read_bytes", &KernelCounters::dram_read_bytes},
                                           {"dram_write_bytes", &KernelCounters::dram_write_bytes},
                                           {"tensor_fp8_flops", &KernelCounters::tensor_fp8_flops},
                                           {"tensor_bf16_flops", &KernelCounters::tensor_bf16_flops},
                                           {"duration_us", &KernelCounters::duration_us},
                                           {"sm_clock_mhz", &KernelCounters::sm_clock_mhz}};

Json CountersJson(const KernelCounters& counters) {
  Json json = Json::object();
  for (const CounterField& field : kCounterFields) {
    if (counters.*field.member) json[field.key] = *(counters.*field.member);
  }
  return json;
}

Json SampleJson(const KernelSample& sample) {
  Json json = {
      {"op", sample.op_label},       {"kind", Name(sample.kind)},  {"shape", ShapeJson(sample.shape)},
      {"variant", sample.variant},   {"sms", sample.sms},          {"beside_copy", sample.beside_copy},
      {"process", sample.process},   {"kernel", sample.kernel},    {"library", sample.library},
      {"flops", sample.flops.count}, {"bytes", sample.bytes.count}};
  if (sample.reference_error) json["reference_error"] = *sample.reference_error;
  if (sample.sm_clock_mhz) json["sm_clock_mhz"] = *sample.sm_clock_mhz;
  if (!sample.counters.empty()) json["counters"] = CountersJson(sample.counters);
  json["durations_us"] = sample.durations_us;
  return json;
}

Json LaunchGapsJson(const std::vector<LaunchGaps>& all) {
  Json list = Json::array();
  for (const LaunchGaps& gaps : all)
    list.push_back({{"how", gaps.how}, {"process", gaps.process}, {"gaps_us", gaps.gaps_us}});
  return list;
}

Json HeaderJson(const MeasurementRun& run) {
  const Clocks& c = run.clocks;
  return {{"schema", kSchema},
          {"schema_version", kMeasurementSchemaVersion},
          {"suite", run.suite},
          {"command", run.command},
          {"date_utc", run.date_utc},
          {"device",
           {{"name", run.device.name},
            {"compute_capability", run.device.compute_capability},
            {"sms", run.device.sms},
            {"memory_bytes", run.device.memory.count}}},
          {"software",
           {{"driver", run.driver},
            {"cuda_runtime", run.cuda_runtime},
            {"cupti", run.cupti},
            {"libraries", run.libraries}}},
          {"clocks",
           {{"sm_mhz", c.sm_mhz},
            {"memory_mhz", c.memory_mhz},
            {"sm_max_mhz", c.sm_max_mhz},
            {"memory_max_mhz", c.memory_max_mhz},
            {"throttling", c.throttling},
            {"power_w", c.power_w}}},
          {"counters_note", run.counters_note},
          {"launch_gaps", LaunchGapsJson(run.launch_gaps)}};
}

// ---- Reading.

/// A number in quotes is none: the file is JSON, read by a reader to which both look alike.
const Value& NumberIn(const Value& v) {
  if (v.quoted()) throw v.Error("is a text, expected a number");
  return v;
}

/// By ShapeKind, the order of ReadShape.
constexpr const char* kShapeTypes[] = {"gemm", "attention", "rows"};

std::size_t ShapeTypeOf(OpKind kind) { return static_cast<std::size_t>(Traits(kind).shape); }

std::int64_t Dimension(const Value& shape, std::string_view key) {
  return NumberIn(shape.At(key)).AsInt(0, kMaxDimension);
}

OpShape ReadShape(const Value& v) {
  switch (v.At("type").AsChoice({std::begin(kShapeTypes), std::end(kShapeTypes)})) {
    case 0:
      v.AllowKeys({"type", "m", "n", "k", "groups"});
      return GemmShape{Dimension(v, "m"), Dimension(v, "n"), Dimension(v, "k"), Dimension(v, "groups")};
    case 1:
      v.AllowKeys({"type", "batch", "heads", "kv_heads", "q_len", "kv_len", "d_qk", "d_v", "causal"});
      return AttentionShape{Dimension(v, "batch"), Dimension(v, "heads"),  Dimension(v, "kv_heads"),
                            Dimension(v, "q_len"), Dimension(v, "kv_len"), Dimension(v, "d_qk"),
                            Dimension(v, "d_v"),   v.At("causal").AsBool()};
    default:
      v.AllowKeys({"type", "rows", "cols"});
      return RowsShape{Dimension(v, "rows"), Dimension(v, "cols")};
  }
}

OpKind ReadKind(const Value& v) {
  OpKind kind{};
  if (ParseOpKind(v.AsString(), &kind)) return kind;
  std::vector<std::string> known;
  for (const OpTraits& traits : AllOpTraits()) known.emplace_back(traits.name);
  throw v.Error("expected a kind of operation" + DidYouMean(v.AsString(), known));
}

KernelCounters ReadCounters(const Value& v) {
  std::vector<std::string> keys;
  for (const CounterField& field : kCounterFields) keys.emplace_back(field.key);
  v.AllowKeys(keys);
  KernelCounters counters;
  for (const CounterField& field : kCounterFields) {
    if (const Value* value = v.Find(field.key)) counters.*field.member = NumberIn(*value).AsDouble(0, 1e30);
  }
  return counters;
}

std::vector<double> ReadDurations(const Value& v) {
  std::vector<double> durations;
  for (const Value& item : v.items()) durations.push_back(NumberIn(item).AsDouble(1e-6, kMaxDurationUs));
  if (durations.empty()) throw v.Error("expected at least one duration");
  return durations;
}

KernelSample ReadSample(const Value& v) {
  v.AllowKeys({"op", "kind", "shape", "variant", "sms", "beside_copy", "process", "kernel", "library",
               "flops", "bytes", "reference_error", "sm_clock_mhz", "counters", "durations_us"});
  KernelSample s;
  s.op_label = v.At("op").AsString();
  s.kind = ReadKind(v.At("kind"));
  s.shape = ReadShape(v.At("shape"));
  if (const std::size_t type = ShapeTypeOf(s.kind); s.shape.index() != type)
    throw v.At("shape").At("type").Error(
        fmt::format("expected '{}', the shape of {}", kShapeTypes[type], Name(s.kind)));
  s.variant = v.At("variant").AsString();
  s.sms = static_cast<int>(NumberIn(v.At("sms")).AsInt(1, 4096));
  s.beside_copy = v.At("beside_copy").AsBool();
  s.process = static_cast<int>(NumberIn(v.At("process")).AsInt(0, kMaxProcess));
  s.kernel = v.At("kernel").AsString();
  s.library = v.At("library").AsString();
  s.flops = {NumberIn(v.At("flops")).AsDouble(0, 1e30)};
  s.bytes = {NumberIn(v.At("bytes")).AsInt(0, std::int64_t{1} << 60)};
  if (const Value* error = v.Find("reference_error")) s.reference_error = NumberIn(*error).AsDouble(0, 1e30);
  if (const Value* clock = v.Find("sm_clock_mhz")) s.sm_clock_mhz = NumberIn(*clock).AsDouble(1, 1e5);
  if (const Value* counters = v.Find("counters")) s.counters = ReadCounters(*counters);
  s.durations_us = ReadDurations(v.At("durations_us"));
  return s;
}

/// "T12:00:00Z" after the day.
bool IsTimeOfDay(std::string_view text) {
  constexpr std::string_view kForm = "T00:00:00Z";
  if (text.size() != kForm.size()) return false;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != kForm[i]) return false;
  }
  const auto number = [&](std::size_t at) { return 10 * (text[at] - '0') + (text[at + 1] - '0'); };
  return number(1) < 24 && number(4) < 60 && number(7) <= 60;  // 60: a leap second
}

/// The table's date is cut from it, so no other form passes.
std::string ReadDate(const Value& v) {
  const std::string& text = v.AsString();
  if (text == hw::kNotRecorded) return text;
  if (text.size() > 10 && IsDate(text.substr(0, 10)) && IsTimeOfDay(std::string_view(text).substr(10)))
    return text;
  throw v.Error(
      fmt::format("expected a date and time in UTC as 2026-01-31T12:00:00Z, or '{}'", hw::kNotRecorded));
}

/// A sample twice would count its launches twice, and make a difference look surer than it is.
void ReadSamples(const Value& v, MeasurementRun* run) {
  std::set<std::pair<std::string, int>> seen;
  for (const Value& item : v.items()) {
    const KernelSample& sample = run->samples.emplace_back(ReadSample(item));
    if (sample.sms > run->device.sms)
      throw item.At("sms").Error(fmt::format("expected at most the device's {} SMs", run->device.sms));
    if (!seen.emplace(CaseKey(sample), sample.process).second) {
      throw item.Error(fmt::format("a second sample of process {} of the case '{}'; expected one",
                                   sample.process, Printable(CaseKey(sample))));
    }
  }
  if (run->samples.empty() && run->launch_gaps.empty()) throw v.Error("expected at least one sample");
}

/// Absent in files of before 2026-11-24.
void ReadLaunchGaps(const Value* v, MeasurementRun* run) {
  if (v == nullptr) return;
  for (const Value& item : v->items()) {
    item.AllowKeys({"how", "process", "gaps_us"});
    LaunchGaps gaps{
        item.At("how").AsString(), static_cast<int>(NumberIn(item.At("process")).AsInt(0, kMaxProcess)), {}};
    for (const Value& us : item.At("gaps_us").items())
      gaps.gaps_us.push_back(NumberIn(us).AsDouble(0, kMaxDurationUs));
    if (gaps.gaps_us.empty()) throw item.At("gaps_us").Error("expected at least one gap");
    run->launch_gaps.push_back(std::move(gaps));
  }
}

void ReadSoftware(const Value& v, MeasurementRun* run) {
  v.AllowKeys({"driver", "cuda_runtime", "cupti", "libraries"});
  run->driver = v.At("driver").AsString();
  run->cuda_runtime = v.At("cuda_runtime").AsString();
  run->cupti = v.At("cupti").AsString();
  for (const auto& [name, version] : v.At("libraries").entries()) run->libraries[name] = version.AsString();
}

DeviceDescription ReadDevice(const Value& v) {
  v.AllowKeys({"name", "compute_capability", "sms", "memory_bytes"});
  return {v.At("name").AsString(),
          v.At("compute_capability").AsString(),
          static_cast<int>(NumberIn(v.At("sms")).AsInt(1, 4096)),
          {NumberIn(v.At("memory_bytes")).AsInt(0, std::int64_t{1} << 60)}};
}

Clocks ReadClocks(const Value& v) {
  v.AllowKeys({"sm_mhz", "memory_mhz", "sm_max_mhz", "memory_max_mhz", "throttling", "power_w"});
  const auto mhz = [&](std::string_view key) { return NumberIn(v.At(key)).AsDouble(0, 1e5); };
  return {mhz("sm_mhz"),
          mhz("memory_mhz"),
          mhz("sm_max_mhz"),
          mhz("memory_max_mhz"),
          v.At("throttling").AsString(),
          NumberIn(v.At("power_w")).AsDouble(0, 1e5)};
}

MeasurementRun ReadRun(const Value& root) {
  if (root.Find("schema") == nullptr || root.At("schema").AsString() != kSchema) {
    throw InputError(root.place(), kNoMeasurement);
  }
  NumberIn(root.At("schema_version")).AsInt(kMeasurementSchemaVersion, kMeasurementSchemaVersion);
  root.AllowKeys({"schema", "schema_version", "suite", "command", "date_utc", "device", "software", "clocks",
                  "counters_note", "launch_gaps", "samples"});
  MeasurementRun run;
  run.suite = root.At("suite").AsString();
  run.command = root.At("command").AsString();
  run.date_utc = ReadDate(root.At("date_utc"));
  run.device = ReadDevice(root.At("device"));
  ReadSoftware(root.At("software"), &run);
  run.clocks = ReadClocks(root.At("clocks"));
  run.counters_note = root.At("counters_note").AsString();
  ReadLaunchGaps(root.Find("launch_gaps"), &run);
  ReadSamples(root.At("samples"), &run);
  return run;
}

/// Whether JSON text ends inside a string, list or map.
bool EndsInside(std::string_view json) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted && c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted) {
      depth += (c == '{' || c == '[') - (c == '}' || c == ']');
    }
  }
  return quoted || depth > 0;
}

/// The reader's own words are those of YAML, and tell of the first line of a file that ends too early.
[[noreturn]] void Rethrow(std::string_view text, const std::string& name) {
  const bool ours = text.substr(0, 256).find(kSchema) != std::string_view::npos;
  if (ours && EndsInside(text)) {
    throw InputError(Place{name},
                     fmt::format("cut off: the measurement ends in the middle, at byte {}", text.size()));
  }
  if (text.starts_with("\x1f\x8b"))
    throw InputError(Place{name}, "compressed with gzip: use 'gunzip' on it first");
  if (!ours) throw InputError(Place{name, 1, 1}, kNoMeasurement);
  throw;
}

/// A file that was refused, to say why in words of measurements; absent where its text is not to be had.
std::optional<std::string> TextOf(const std::filesystem::path& file) {
  try {
    return ReadFile(file, kMaxDocumentBytes);
  } catch (const InputError&) {
    return std::nullopt;
  }
}

}  // namespace

std::string MeasurementJson(const MeasurementRun& run) {
  std::string text = HeaderJson(run).dump(1, ' ', false, Json::error_handler_t::replace);
  text.resize(text.size() -
              2);  // drop "\n}": the samples follow, one per line so that a diff of two files can be read
  text += ",\n \"samples\": [";
  for (std::size_t i = 0; i < run.samples.size(); ++i) {
    text += (i == 0 ? "\n  " : ",\n  ") +
            SampleJson(run.samples[i]).dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  return text + "\n ]\n}\n";
}

MeasurementRun ReadMeasurement(const std::filesystem::path& file) {
  try {
    return ReadRun(Document::Load(file).root());
  } catch (const InputError&) {
    RefuseForeignFile(file);
    const std::optional<std::string> text = TextOf(file);
    if (!text) throw;
    Rethrow(*text, file.string());
  }
}

MeasurementRun ParseMeasurement(std::string_view text, const std::string& name) {
  try {
    return ReadRun(Document::Parse(text, name).root());
  } catch (const InputError&) {
    Rethrow(text, name);
  }
}

void WriteMeasurement(const MeasurementRun& run, const std::filesystem::path& file) {
  WriteOutput(file.string(), MeasurementJson(run));
}

}  // namespace orrery::profiler
