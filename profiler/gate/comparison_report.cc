#include "profiler/gate/comparison_report.h"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "profiler/measurement/printable.h"

namespace orrery::profiler {
namespace {

using Json = nlohmann::ordered_json;

bool OneSided(Verdict verdict) { return verdict == Verdict::kMissing || verdict == Verdict::kAdded; }

/// "+4.2 %"; "" for a case in one run only.
std::string Change(const CaseComparison& c) {
  return OneSided(c.verdict) ? "" : fmt::format("{:+.1f} %", 100 * (c.ratio - 1));
}

std::string Micros(double us) { return us > 0 ? fmt::format("{:.2f}", us) : "-"; }

/// One sentence that stands alone, in an annotation or a failure.
std::string Sentence(const CaseComparison& c) {
  if (c.verdict == Verdict::kMissing) return "in the base run but not in the new one";
  if (c.verdict == Verdict::kAdded) return "not in the base run";
  std::string text = fmt::format(
      "{:.2f} us, was {:.2f} us ({}; 99 % interval {:+.1f} to {:+.1f} %; counts from {:.1f} %; p {:.2g})",
      c.new_us, c.base_us, Change(c), 100 * (c.low - 1), 100 * (c.high - 1), 100 * c.counts_from,
      c.p_adjusted);
  if (!c.reason.empty()) text += "; " + c.reason;
  return text;
}

/// What a reader wants first, in this order.
constexpr std::array kReadingOrder = {Verdict::kSlower,  Verdict::kInexact, Verdict::kImpossible,
                                      Verdict::kMissing, Verdict::kUnclear, Verdict::kBelowFloor,
                                      Verdict::kFaster,  Verdict::kAdded,   Verdict::kSame};
static_assert(kReadingOrder.size() == kVerdicts.size());

std::ptrdiff_t Rank(Verdict verdict) {
  return std::find(kReadingOrder.begin(), kReadingOrder.end(), verdict) - kReadingOrder.begin();
}

std::string CountsFrom(const CaseComparison& c) {
  return OneSided(c.verdict) ? "" : fmt::format("{:.1f} %", 100 * c.counts_from);
}

/// "passed", or "failed: 2 slower, 1 missing".
std::string GateText(const Comparison& comparison) {
  const std::vector<std::string> failures = GateFailures(comparison);
  return failures.empty() ? "passed" : "failed: " + fmt::format("{}", fmt::join(failures, ", "));
}

std::vector<const CaseComparison*> Ordered(const Comparison& comparison, bool all) {
  std::vector<const CaseComparison*> cases;
  for (const CaseComparison& c : comparison.cases) {
    if (all || c.verdict != Verdict::kSame || !c.reason.empty()) cases.push_back(&c);
  }
  std::stable_sort(cases.begin(), cases.end(), [](auto* a, auto* b) {
    if (Rank(a->verdict) != Rank(b->verdict)) return Rank(a->verdict) < Rank(b->verdict);
    return a->verdict == Verdict::kSlower && a->ratio > b->ratio;
  });
  return cases;
}

std::string Totals(const Comparison& comparison) {
  std::string text = fmt::format("{} cases on {}:", comparison.cases.size(), comparison.device);
  for (const Verdict v : kVerdicts) {
    const int count = comparison.Count(v);
    if (count > 0 || v == Verdict::kSlower)
      text += fmt::format("{} {} {}", text.back() == ':' ? "" : ",", count, Name(v));
  }
  return text;
}

std::string XmlEscape(std::string_view text) {
  std::string out;
  for (const char c : Printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// GitHub's workflow commands: % is escaped (CR and LF are no more there), in properties also ':' and ','.
std::string GithubEscape(std::string_view text, bool property) {
  std::string out;
  for (const char c : Printable(text)) {
    if (c == '%' || (property && (c == ':' || c == ','))) {
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out;
}

/// Every character that Markdown or GitHub's dialect (tables, math, strikethrough) obeys.
std::string MarkdownEscape(std::string_view text) {
  constexpr std::string_view kObeyed = "\\`*_[]<>|~&#$!";
  std::string out;
  for (const char c : Printable(text)) {
    if (kObeyed.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

struct JUnitCounts {
  int all = 0, failed = 0, skipped = 0;
};

/// Failure where the gate fails for it, skipped where nothing is known.
std::string JUnitCase(const CaseComparison& c, const GatePolicy& policy, JUnitCounts* counts) {
  std::string text = fmt::format("<testcase classname=\"{}\" name=\"{}\" time=\"{:.9f}\"", XmlEscape(c.label),
                                 XmlEscape(c.key), c.new_us * 1e-6);
  ++counts->all;
  const bool failed = Fails(c.verdict, policy);
  const bool known =
      c.verdict == Verdict::kSame || c.verdict == Verdict::kFaster || c.verdict == Verdict::kBelowFloor;
  if (!failed && known) return text + "/>\n";
  ++(failed ? counts->failed : counts->skipped);
  return text + fmt::format("><{} message=\"{}: {}\"/></testcase>\n", failed ? "failure" : "skipped",
                            Name(c.verdict), XmlEscape(Sentence(c)));
}

Json CaseJson(const CaseComparison& c) {
  Json json = {{"case", c.key}, {"verdict", Name(c.verdict)}};
  if (!c.reason.empty()) json["reason"] = c.reason;
  if (c.base_us > 0) json["base_us"] = c.base_us;
  if (c.new_us > 0) json["new_us"] = c.new_us;
  if (OneSided(c.verdict)) return json;
  json["ratio"] = c.ratio;
  if (c.cycle_ratio) json["cycle_ratio"] = *c.cycle_ratio;
  json["ratio_interval_99"] = {{"low", c.low}, {"high", c.high}};
  json["tail_ratio"] = c.tail_ratio;
  json["base_spread_between_processes"] = c.base_spread;
  json["new_spread_between_processes"] = c.new_spread;
  json["resolution"] = c.resolution;
  json["counts_from"] = c.counts_from;
  json["p"] = c.p;
  json["p_adjusted"] = c.p_adjusted;
  json["base_processes"] = c.base_processes;
  json["new_processes"] = c.new_processes;
  if (c.base_error) json["base_reference_error"] = *c.base_error;
  if (c.new_error) json["new_reference_error"] = *c.new_error;
  return json;
}

}  // namespace

std::string ComparisonText(const Comparison& comparison, const ReportLimits& limits) {
  std::string text;
  for (const std::string& warning : comparison.warnings) text += "warning: " + Printable(warning) + "\n";
  const auto cases = Ordered(comparison, limits.all);
  if (!cases.empty())
    text += fmt::format("{:<11} {:>10} {:>10} {:>9} {:>8}  {}\n", "verdict", "base us", "new us", "change",
                        "counts", "case");
  for (const CaseComparison* c : cases) {
    text += fmt::format("{:<11} {:>10} {:>10} {:>9} {:>8}  {}{}\n", Name(c->verdict), Micros(c->base_us),
                        Micros(c->new_us), Change(*c), CountsFrom(*c), Printable(c->key),
                        c->reason.empty() ? "" : "  [" + Printable(c->reason) + "]");
  }
  return text + Printable(Totals(comparison)) + "\n" + GateText(comparison) + "\n";
}

std::string ComparisonMarkdown(const Comparison& comparison) {
  std::string text =
      fmt::format("### Kernel times: {}\n\n{}\n", GateText(comparison), MarkdownEscape(Totals(comparison)));
  for (const std::string& warning : comparison.warnings) text += "\n> " + MarkdownEscape(warning) + "\n";
  const auto cases = Ordered(comparison, false);
  if (cases.empty()) return text;
  text += "\n| verdict | base us | new us | change | counts from | case |\n|---|--:|--:|--:|--:|---|\n";
  for (const CaseComparison* c : cases) {
    text += fmt::format("| {} | {} | {} | {} | {} | {}{} |\n", Name(c->verdict), Micros(c->base_us),
                        Micros(c->new_us), Change(*c), CountsFrom(*c), MarkdownEscape(c->key),
                        c->reason.empty() ? "" : " (" + MarkdownEscape(c->reason) + ")");
  }
  return text;
}

std::string ComparisonJUnit(const Comparison& comparison) {
  JUnitCounts counts;
  std::string cases;
  for (const CaseComparison& c : comparison.cases) cases += JUnitCase(c, comparison.policy, &counts);
  const std::vector<std::string> failures = GateFailures(comparison);
  if (counts.failed == 0 && !failures.empty()) {  // nothing was judged: all skipped would look like a success
    ++counts.failed;
    ++counts.all;
    cases += fmt::format(
        "<testcase classname=\"orrery profile compare\" name=\"gate\"><failure message=\"{}\"/></testcase>\n",
        XmlEscape(fmt::format("{}", fmt::join(failures, ", "))));
  }
  return fmt::format(
             "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"orrery profile "
             "compare\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n",
             counts.all, counts.failed, counts.skipped) +
         cases + "</testsuite>\n</testsuites>\n";
}

/// The outcome first: GitHub keeps ten errors and ten warnings of a step.
std::string ComparisonGithub(const Comparison& comparison) {
  std::string text;
  if (!GateFailures(comparison).empty())
    text += "::error title=orrery profile::" + GithubEscape(GateText(comparison), false) + "\n";
  for (const std::string& warning : comparison.warnings)
    text += "::warning title=orrery profile::" + GithubEscape(warning, false) + "\n";
  for (const CaseComparison* c : Ordered(comparison, false)) {
    if (c->verdict == Verdict::kFaster || c->verdict == Verdict::kAdded || c->verdict == Verdict::kSame)
      continue;
    text += fmt::format("::{} title={}::{}\n", Fails(c->verdict, comparison.policy) ? "error" : "warning",
                        GithubEscape(fmt::format("{}: {}", Name(c->verdict), c->key), true),
                        GithubEscape(Sentence(*c), false));
  }
  return text;
}

std::string ComparisonJson(const Comparison& comparison) {
  Json json = {{"schema", "orrery-comparison"}, {"schema_version", 2},
               {"base", comparison.base_name},  {"new", comparison.new_name},
               {"device", comparison.device},   {"warnings", comparison.warnings}};
  const std::vector<std::string> failures = GateFailures(comparison);
  json["gate"] = {{"passed", failures.empty()},
                  {"strict", comparison.policy.strict},
                  {"allow_missing", comparison.policy.allow_missing},
                  {"failures", failures}};
  Json counts = Json::object();
  for (const Verdict v : kVerdicts) {
    counts[std::string(Name(v))] = comparison.Count(v);
  }
  json["counts"] = counts;
  json["cases"] = Json::array();
  for (const CaseComparison& c : comparison.cases) json["cases"].push_back(CaseJson(c));
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace orrery::profiler
