#include "profiler/suite/measurement_text.h"

#include <charconv>
#include <utility>

namespace orrery::profiler {
namespace {

std::string Number(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
  std::string text(buffer, end);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

std::string Quoted(const std::string& text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += std::string("\\u00") + kHex[byte >> 4] + kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

/// Collects "key": value pairs of one object.
class Object {
 public:
  Object& Raw(const char* key, const std::string& value) {
    text_ += (text_.empty() ? "" : ", ") + Quoted(key) + ": " + value;
    return *this;
  }
  Object& Text(const char* key, const std::string& value) { return Raw(key, Quoted(value)); }
  Object& Real(const char* key, double value) { return Raw(key, Number(value)); }
  Object& Integer(const char* key, std::int64_t value) { return Raw(key, std::to_string(value)); }
  Object& Truth(const char* key, bool value) { return Raw(key, value ? "true" : "false"); }
  Object& Maybe(const char* key, const std::optional<double>& value) {
    return value ? Real(key, *value) : *this;
  }
  std::string Done() const { return "{" + text_ + "}"; }

 private:
  std::string text_;
};

std::string ShapeObject(const OpShape& shape) {
  Object o;
  if (const auto* g = std::get_if<GemmShape>(&shape)) {
    return o.Text("type", "gemm")
        .Integer("m", g->m)
        .Integer("n", g->n)
        .Integer("k", g->k)
        .Integer("groups", g->groups)
        .Done();
  }
  if (const auto* a = std::get_if<AttentionShape>(&shape)) {
    o.Text("type", "attention")
        .Integer("batch", a->batch)
        .Integer("heads", a->heads)
        .Integer("kv_heads", a->kv_heads);
    o.Integer("q_len", a->q_len)
        .Integer("kv_len", a->kv_len)
        .Integer("d_qk", a->d_qk)
        .Integer("d_v", a->d_v)
        .Truth("causal", a->causal);
    return o.Done();
  }
  const auto& r = std::get<RowsShape>(shape);
  return o.Text("type", "rows").Integer("rows", r.rows).Integer("cols", r.cols).Done();
}

std::string CountersObject(const KernelCounters& c) {
  Object o;
  o.Maybe("dram_read_bytes", c.dram_read_bytes).Maybe("dram_write_bytes", c.dram_write_bytes);
  o.Maybe("tensor_fp8_flops", c.tensor_fp8_flops).Maybe("tensor_bf16_flops", c.tensor_bf16_flops);
  o.Maybe("duration_us", c.duration_us).Maybe("sm_clock_mhz", c.sm_clock_mhz);
  return o.Done();
}

std::string NumberList(const std::vector<double>& values) {
  std::string list;
  for (const double v : values) list += (list.empty() ? "" : ", ") + Number(v);
  return "[" + list + "]";
}

std::string SampleObject(const KernelSample& s) {
  Object o;
  o.Text("op", s.op_label)
      .Text("kind", std::string(Name(s.kind)))
      .Raw("shape", ShapeObject(s.shape))
      .Text("variant", s.variant);
  o.Integer("sms", s.sms)
      .Truth("beside_copy", s.beside_copy)
      .Integer("process", s.process)
      .Text("kernel", s.kernel)
      .Text("library", s.library);
  o.Real("flops", s.flops.count)
      .Integer("bytes", s.bytes.count)
      .Maybe("reference_error", s.reference_error)
      .Maybe("sm_clock_mhz", s.sm_clock_mhz);
  const std::string counters = CountersObject(s.counters);
  if (counters != "{}") o.Raw("counters", counters);
  return o.Raw("durations_us", NumberList(s.durations_us)).Done();
}

std::string LaunchGapsList(const std::vector<LaunchGaps>& all) {
  std::string list;
  for (const LaunchGaps& gaps : all) {
    Object o;
    o.Text("how", gaps.how).Integer("process", gaps.process).Raw("gaps_us", NumberList(gaps.gaps_us));
    list += (list.empty() ? "" : ", ") + o.Done();
  }
  return "[" + list + "]";
}

std::string SoftwareObject(const MeasurementRun& run) {
  Object libraries;
  for (const auto& [name, version] : run.libraries) libraries.Text(name.c_str(), version);
  return Object()
      .Text("driver", run.driver)
      .Text("cuda_runtime", run.cuda_runtime)
      .Text("cupti", run.cupti)
      .Raw("libraries", libraries.Done())
      .Done();
}

}  // namespace

std::string MeasurementText(const MeasurementRun& run) {
  const Clocks& c = run.clocks;
  Object device;
  device.Text("name", run.device.name).Text("compute_capability", run.device.compute_capability);
  device.Integer("sms", run.device.sms).Integer("memory_bytes", run.device.memory.count);
  Object clocks;
  clocks.Real("sm_mhz", c.sm_mhz)
      .Real("memory_mhz", c.memory_mhz)
      .Real("sm_max_mhz", c.sm_max_mhz)
      .Real("memory_max_mhz", c.memory_max_mhz);
  clocks.Text("throttling", c.throttling).Real("power_w", c.power_w);
  std::string samples;
  for (const KernelSample& sample : run.samples)
    samples += (samples.empty() ? "\n  " : ",\n  ") + SampleObject(sample);
  Object root;
  root.Text("schema", "orrery-measurements")
      .Integer("schema_version", kMeasurementSchemaVersion)
      .Text("suite", run.suite);
  root.Text("command", run.command)
      .Text("date_utc", run.date_utc)
      .Raw("device", device.Done())
      .Raw("software", SoftwareObject(run));
  root.Raw("clocks", clocks.Done())
      .Text("counters_note", run.counters_note)
      .Raw("launch_gaps", LaunchGapsList(run.launch_gaps))
      .Raw("samples", "[" + samples + "\n ]");
  return root.Done() + "\n";
}

}  // namespace orrery::profiler
