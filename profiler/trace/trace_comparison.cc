#include "profiler/trace/trace_comparison.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "profiler/measurement/printable.h"

namespace orrery::profiler {
namespace {

using Json = nlohmann::ordered_json;
using Changes = std::map<std::string, TraceChange, std::less<>>;

double Ms(std::int64_t ns) { return static_cast<double>(ns) * 1e-6; }
double Us(std::int64_t ns) { return static_cast<double>(ns) * 1e-3; }

struct Side {
  std::int64_t TraceChange::*count;
  std::int64_t TraceChange::*ns;
};
constexpr Side kBase{&TraceChange::base_count, &TraceChange::base_ns};
constexpr Side kNew{&TraceChange::new_count, &TraceChange::new_ns};

void Add(std::string_view name, const KernelTotal& kernel, const Side& side, Changes* changes) {
  TraceChange& change = (*changes)[std::string(name)];
  change.name = name;
  change.klass = kernel.klass;
  change.*side.count += kernel.count;
  change.*side.ns += kernel.total_ns;
}

void AddAll(const std::vector<AnalysedTrace>& traces, const Side& side, Changes* kernels, Changes* classes) {
  for (const AnalysedTrace& trace : traces) {
    for (const KernelTotal& kernel : trace.summary.kernels_by_time) {
      Add(trace.trace.name(kernel.name), kernel, side, kernels);
      Add(Name(kernel.klass.group), kernel, side, classes);
    }
  }
}

std::vector<TraceChange> LargestFirst(const Changes& changes) {
  std::vector<TraceChange> sorted;
  for (const auto& [name, change] : changes) sorted.push_back(change);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](auto& a, auto& b) { return std::abs(a.change_ns()) > std::abs(b.change_ns()); });
  return sorted;
}

template <typename Of>
std::int64_t Sum(const std::vector<AnalysedTrace>& traces, Of of) {
  std::int64_t sum = 0;
  for (const AnalysedTrace& trace : traces) sum += of(trace.summary);
  return sum;
}

std::string MeanText(std::int64_t ns, std::int64_t count) {
  return count > 0 ? fmt::format("{:.1f}", Us(ns) / static_cast<double>(count)) : "-";
}

/// "+12.5 %"; "new" and "gone" where one of the two has none.
std::string ChangeText(const TraceChange& c) {
  if (c.base_count == 0) return "new";
  if (c.new_count == 0) return "gone";
  if (c.base_ns == 0) return "-";
  return fmt::format("{:+.1f} %",
                     100.0 * static_cast<double>(c.change_ns()) / static_cast<double>(c.base_ns));
}

std::string RowText(const TraceChange& c, const std::string& what) {
  return fmt::format("{:>9} {:>9} {:>11.2f} {:>11.2f} {:>10} {:>10} {:>11.2f} {:>10}  {}\n", c.base_count,
                     c.new_count, Ms(c.base_ns), Ms(c.new_ns), MeanText(c.base_ns, c.base_count),
                     MeanText(c.new_ns, c.new_count), Ms(c.change_ns()), ChangeText(c), what);
}

std::string TableText(const std::vector<TraceChange>& changes, std::string_view what, std::size_t top) {
  std::string text = fmt::format("\n{:>9} {:>9} {:>11} {:>11} {:>10} {:>10} {:>11} {:>10}  {}\n", "launches",
                                 "new", "ms", "new", "mean us", "new", "change ms", "change", what);
  for (std::size_t i = 0; i < changes.size() && i < top; ++i) {
    const TraceChange& c = changes[i];
    const bool is_class = c.name == Name(c.klass.group);
    text += RowText(
        c, is_class ? c.name
                    : fmt::format("{:<24} {}", Name(c.klass.group), Printable(ShortKernelName(c.name))));
  }
  if (changes.size() > top) text += fmt::format("... and {} more\n", changes.size() - top);
  return text;
}

Json ChangesJson(const std::vector<TraceChange>& changes, const char* key) {
  Json list = Json::array();
  for (const TraceChange& c : changes) {
    list.push_back({{key, c.name},
                    {"base_launches", c.base_count},
                    {"new_launches", c.new_count},
                    {"base_us", Us(c.base_ns)},
                    {"new_us", Us(c.new_ns)},
                    {"change_us", Us(c.change_ns())}});
  }
  return list;
}

}  // namespace

TraceComparison CompareTraces(const std::vector<AnalysedTrace>& base,
                              const std::vector<AnalysedTrace>& next) {
  Changes kernels, classes;
  AddAll(base, kBase, &kernels, &classes);
  AddAll(next, kNew, &kernels, &classes);
  TraceComparison c;
  c.classes = LargestFirst(classes);
  c.kernels = LargestFirst(kernels);
  const auto wall = [](const TraceSummary& s) { return s.wall_ns; };
  const auto busy = [](const TraceSummary& s) { return s.compute_busy_ns; };
  const auto exposed = [](const TraceSummary& s) { return s.payload.exposed_ns(); };
  c.base_wall_ns = Sum(base, wall);
  c.new_wall_ns = Sum(next, wall);
  c.base_busy_ns = Sum(base, busy);
  c.new_busy_ns = Sum(next, busy);
  c.base_exposed_ns = Sum(base, exposed);
  c.new_exposed_ns = Sum(next, exposed);
  return c;
}

std::string TraceComparisonText(const TraceComparison& c, int top) {
  std::string text =
      fmt::format("{} against {}, kernel by kernel\n", Printable(c.new_name), Printable(c.base_name));
  text += fmt::format("{:<28} {:>11} {:>11} {:>11}\n", "ms", "base", "new", "change");
  const auto line = [&](std::string_view what, std::int64_t base, std::int64_t next) {
    text += fmt::format("{:<28} {:>11.2f} {:>11.2f} {:>+11.2f}\n", what, Ms(base), Ms(next), Ms(next - base));
  };
  line("first to last GPU event", c.base_wall_ns, c.new_wall_ns);
  line("compute busy", c.base_busy_ns, c.new_busy_ns);
  line("communication exposed", c.base_exposed_ns, c.new_exposed_ns);
  text += TableText(c.classes, "class", c.classes.size());
  text += TableText(c.kernels, fmt::format("{:<24} {}", "class", "kernel"), static_cast<std::size_t>(top));
  return text +
         "\nno verdicts: one recording each does not tell change from noise; for those, import several "
         "recordings with --out and compare the measurements\n";
}

std::string TraceComparisonJson(const TraceComparison& c) {
  const Json json = {{"schema", "orrery-trace-comparison"},
                     {"schema_version", 1},
                     {"base", c.base_name},
                     {"new", c.new_name},
                     {"base_wall_us", Us(c.base_wall_ns)},
                     {"new_wall_us", Us(c.new_wall_ns)},
                     {"base_compute_busy_us", Us(c.base_busy_ns)},
                     {"new_compute_busy_us", Us(c.new_busy_ns)},
                     {"base_exposed_us", Us(c.base_exposed_ns)},
                     {"new_exposed_us", Us(c.new_exposed_ns)},
                     {"classes", ChangesJson(c.classes, "class")},
                     {"kernels", ChangesJson(c.kernels, "kernel")}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace orrery::profiler
