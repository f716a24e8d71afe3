// JSON of what was found in a trace.
#include <nlohmann/json.hpp>

#include "profiler/trace/remarks.h"
#include "profiler/trace/trace_report.h"

namespace orrery::profiler {
namespace {

using Json = nlohmann::ordered_json;

double Us(std::int64_t ns) { return static_cast<double>(ns) * 1e-3; }

Json UsList(const std::vector<std::int64_t>& ns) {
  Json list = Json::array();
  for (const std::int64_t value : ns) list.push_back(Us(value));
  return list;
}

Json StreamsJson(const TraceSummary& s) {
  Json list = Json::array();
  for (const StreamTotal& t : s.streams) {
    list.push_back({{"device", t.device},
                    {"stream", t.stream},
                    {"role", t.communication ? "communication" : "compute"},
                    {"events", t.events},
                    {"busy_us", Us(t.busy_ns)},
                    {"launch_gaps", t.gaps},
                    {"launch_gap_median_us", Us(t.gap_median_ns)},
                    {"launch_gaps_us", Us(t.gap_total_ns)}});
  }
  return list;
}

Json KernelsJson(const AnalysedTrace& a) {
  Json list = Json::array();
  for (const KernelTotal& k : a.summary.kernels_by_time) {
    Json json = {
        {"kernel", a.trace.name(k.name)}, {"library", k.klass.library}, {"class", Name(k.klass.group)}};
    const bool multiplies = k.klass.group == KernelGroup::kGemm || k.klass.group == KernelGroup::kAttention;
    if (multiplies) json["element_type"] = Name(k.klass.type);
    if (k.klass.kind) json["kind"] = Name(*k.klass.kind);
    json["launches"] = k.count;
    json["total_us"] = Us(k.total_ns);
    json["min_us"] = Us(k.min_ns);
    json["median_us"] = Us(k.median_ns);
    json["max_us"] = Us(k.max_ns);
    list.push_back(std::move(json));
  }
  return list;
}

Json PhasesJson(const TraceSummary& s) {
  Json list = Json::array();
  for (const Phase& p : s.phases) {
    list.push_back({{"phase", p.name},
                    {"compute_us", UsList(p.work_ns)},
                    {"span_us", UsList(p.span_ns)},
                    {"payload_us", UsList(p.payload_ns)},
                    {"sync_us", UsList(p.sync_ns)}});
  }
  return list;
}

Json StepsJson(const Steps& steps) {
  return {{"name", steps.name},
          {"count", steps.start_ns.size()},
          {"period_us", UsList(steps.PeriodsNs())},
          {"period_median_us", Us(MedianNs(steps.PeriodsNs()))},
          {"work_us", UsList(steps.work_ns)},
          {"compute_us", UsList(steps.compute_ns)},
          {"communication_us", UsList(steps.communication_ns)},
          {"events_outside", steps.outside}};
}

Json OpJson(const TracedOp& op) {
  return {{"operation", op.label},   {"kind", Name(op.kind)},   {"shape", ShapeText(op.shape)},
          {"flops", op.flops.count}, {"bytes", op.bytes.count}, {"durations_us", op.durations_us}};
}

Json LayersJson(const LayerOps& layers) {
  Json json = Json::object();
  if (!layers.not_recognised.empty()) return {{"not_recognised", layers.not_recognised}};
  json["tokens"] = layers.tokens;
  json["tensor_flops"] = layers.tensor_flops.count;
  json["rows"] = Json::array();
  for (const LayerRows& r : layers.rows) {
    json["rows"].push_back({{"forward_m", r.forward_m},
                            {"forward_u", r.forward_u},
                            {"backward_m", r.backward_m},
                            {"backward_u", r.backward_u}});
  }
  json["operations"] = Json::array();
  for (const RecognisedOp& op : layers.ops) {
    Json one = {{"phase", op.phase}};
    one.update(OpJson(op));
    json["operations"].push_back(std::move(one));
  }
  return json;
}

Json ShapedJson(const ShapedOps& shaped) {
  Json list = Json::array();
  for (const ShapedOp& op : shaped.ops) {
    list.push_back(OpJson(op));
    list.back()["kernels"] = op.kernels;
  }
  return {{"operations", list}, {"left_out", shaped.left_out}, {"unreadable_ranges", shaped.bad_texts}};
}

Json AnalysedJson(const AnalysedTrace& a) {
  const TraceSummary& s = a.summary;
  Json json = {{"source", a.trace.info.source},      {"trace_name", a.trace.info.trace_name},
               {"rank", a.trace.info.rank},          {"gpu", a.trace.info.device.id},
               {"device", a.trace.info.device.name}, {"note", a.trace.info.note}};
  json["kernels"] = s.kernels;
  json["wall_us"] = Us(s.wall_ns);
  json["compute_busy_us"] = Us(s.compute_busy_ns);
  json["idle_us"] = Us(s.idle_ns);
  json["payload"] = {{"busy_us", Us(s.payload.busy_ns)},
                     {"overlapped_us", Us(s.payload.overlapped_ns)},
                     {"exposed_us", Us(s.payload.exposed_ns())}};
  json["sync"] = {{"busy_us", Us(s.sync.busy_ns)},
                  {"overlapped_us", Us(s.sync.overlapped_ns)},
                  {"exposed_us", Us(s.sync.exposed_ns())}};
  if (s.layers) json["layer_period_us"] = UsList(s.layer_period_ns);
  json["remarks"] = Remarks(a);
  if (s.steps) json["steps"] = StepsJson(*s.steps);
  json["phases"] = PhasesJson(s);
  json["layers"] = LayersJson(a.layers);
  json["shaped"] = ShapedJson(a.shaped);
  json["streams"] = StreamsJson(s);
  json["classes"] = Json::array();
  for (const GroupTotal& g : s.groups)
    json["classes"].push_back(
        {{"class", Name(g.group)}, {"launches", g.count}, {"total_us", Us(g.total_ns)}});
  json["tensor_core_types"] = Json::array();
  for (const TypeTotal& t : s.types)
    json["tensor_core_types"].push_back({{"class", Name(t.group)},
                                         {"element_type", Name(t.type)},
                                         {"launches", t.count},
                                         {"total_us", Us(t.total_ns)}});
  json["kernels_by_time"] = KernelsJson(a);
  return json;
}

std::string Dump(const Json& json) { return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace

std::string TraceJson(const AnalysedTrace& analysed) {
  Json json = {{"schema", "orrery-trace-summary"}, {"schema_version", 1}};
  json.update(AnalysedJson(analysed));
  return Dump(json);
}

std::string ProcessesJson(const std::vector<AnalysedTrace>& processes) {
  if (processes.size() == 1) return TraceJson(processes.front());
  Json json = {{"schema", "orrery-trace-summary"}, {"schema_version", 1}, {"processes", Json::array()}};
  for (const AnalysedTrace& p : processes) json["processes"].push_back(AnalysedJson(p));
  return Dump(json);
}

}  // namespace orrery::profiler
