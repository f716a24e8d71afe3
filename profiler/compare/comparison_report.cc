#include "profiler/compare/comparison_report.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "profiler/printable.h"

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
      "{:.2f} us, was {:.2f} us ({}; counts from {:.1f} %; launches {:+.1f} to {:+.1f} %; p {:.2g})",
      c.new_us, c.base_us, Change(c), 100 * c.threshold, 100 * (c.launches.low - 1),
      100 * (c.launches.high - 1), c.p_adjusted);
  if (!c.reason.empty()) text += "; " + c.reason;
  return text;
}

/// What a reader wants first.
int Rank(Verdict verdict) {
  switch (verdict) {
    case Verdict::kSlower:
      return 0;
    case Verdict::kMissing:
      return 1;
    case Verdict::kUnclear:
      return 2;
    case Verdict::kFaster:
      return 3;
    case Verdict::kAdded:
      return 4;
    case Verdict::kSame:
      return 5;
  }
  return 6;
}

std::vector<const CaseComparison*> Ordered(const Comparison& comparison, bool all) {
  std::vector<const CaseComparison*> cases;
  for (const CaseComparison& c : comparison.cases) {
    if (all || c.verdict != Verdict::kSame) cases.push_back(&c);
  }
  std::stable_sort(cases.begin(), cases.end(), [](auto* a, auto* b) {
    if (Rank(a->verdict) != Rank(b->verdict)) return Rank(a->verdict) < Rank(b->verdict);
    return a->verdict == Verdict::kSlower && a->ratio > b->ratio;
  });
  return cases;
}

std::string Totals(const Comparison& comparison) {
  std::string text = fmt::format("{} cases on {}:", comparison.cases.size(), comparison.device);
  for (const Verdict v : {Verdict::kSame, Verdict::kFaster, Verdict::kSlower, Verdict::kUnclear,
                          Verdict::kMissing, Verdict::kAdded}) {
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

std::string MarkdownEscape(std::string_view text) {
  std::string out;
  for (const char c : Printable(text)) {
    if (c == '|' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

Json CaseJson(const CaseComparison& c) {
  Json json = {{"case", c.key}, {"verdict", Name(c.verdict)}};
  if (!c.reason.empty()) json["reason"] = c.reason;
  if (c.base_us > 0) json["base_us"] = c.base_us;
  if (c.new_us > 0) json["new_us"] = c.new_us;
  if (OneSided(c.verdict)) return json;
  json["ratio"] = c.ratio;
  if (c.cycle_ratio) json["cycle_ratio"] = *c.cycle_ratio;
  json["launch_ratio"] = {{"median", c.launches.ratio}, {"low", c.launches.low}, {"high", c.launches.high}};
  json["spread_between_processes"] = c.spread;
  json["threshold"] = c.threshold;
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
    text += fmt::format("{:<8} {:>10} {:>10} {:>9} {:>8}  {}\n", "verdict", "base us", "new us", "change",
                        "counts", "case");
  for (const CaseComparison* c : cases) {
    text += fmt::format("{:<8} {:>10} {:>10} {:>9} {:>8}  {}{}\n", Name(c->verdict), Micros(c->base_us),
                        Micros(c->new_us), Change(*c),
                        OneSided(c->verdict) ? "" : fmt::format("{:.1f} %", 100 * c->threshold),
                        Printable(c->key), c->reason.empty() ? "" : "  [" + Printable(c->reason) + "]");
  }
  return text + Printable(Totals(comparison)) + "\n";
}

std::string ComparisonMarkdown(const Comparison& comparison) {
  std::string text = fmt::format("### Kernel times: {}\n\n{}\n",
                                 comparison.Count(Verdict::kSlower) > 0 ? "slower" : "no regression",
                                 MarkdownEscape(Totals(comparison)));
  for (const std::string& warning : comparison.warnings) text += "\n> " + MarkdownEscape(warning) + "\n";
  const auto cases = Ordered(comparison, false);
  if (cases.empty()) return text;
  text += "\n| verdict | base us | new us | change | counts from | case |\n|---|--:|--:|--:|--:|---|\n";
  for (const CaseComparison* c : cases) {
    text += fmt::format(
        "| {} | {} | {} | {} | {} | {}{} |\n", Name(c->verdict), Micros(c->base_us), Micros(c->new_us),
        Change(*c), OneSided(c->verdict) ? "" : fmt::format("{:.1f} %", 100 * c->threshold),
        MarkdownEscape(c->key), c->reason.empty() ? "" : " (" + MarkdownEscape(c->reason) + ")");
  }
  return text;
}

std::string ComparisonJUnit(const Comparison& comparison) {
  const int skipped = comparison.Count(Verdict::kUnclear) + comparison.Count(Verdict::kMissing) +
                      comparison.Count(Verdict::kAdded);
  std::string text = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"orrery profile compare\" "
      "tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n",
      comparison.cases.size(), comparison.Count(Verdict::kSlower), skipped);
  for (const CaseComparison& c : comparison.cases) {
    text += fmt::format("<testcase classname=\"{}\" name=\"{}\" time=\"{:.9f}\"", XmlEscape(c.label),
                        XmlEscape(c.key), c.new_us * 1e-6);
    if (c.verdict == Verdict::kSlower) {
      text += fmt::format("><failure message=\"slower: {}\"/></testcase>\n", XmlEscape(Sentence(c)));
    } else if (c.verdict == Verdict::kSame || c.verdict == Verdict::kFaster) {
      text += "/>\n";
    } else {
      text +=
          fmt::format("><skipped message=\"{}: {}\"/></testcase>\n", Name(c.verdict), XmlEscape(Sentence(c)));
    }
  }
  return text + "</testsuite>\n</testsuites>\n";
}

std::string ComparisonGithub(const Comparison& comparison) {
  std::string text;
  for (const std::string& warning : comparison.warnings)
    text += "::warning title=orrery profile::" + GithubEscape(warning, false) + "\n";
  for (const CaseComparison* c : Ordered(comparison, false)) {
    if (c->verdict == Verdict::kFaster || c->verdict == Verdict::kAdded) continue;
    text += fmt::format("::{} title={}::{}\n", c->verdict == Verdict::kSlower ? "error" : "warning",
                        GithubEscape(fmt::format("{}: {}", Name(c->verdict), c->key), true),
                        GithubEscape(Sentence(*c), false));
  }
  return text;
}

std::string ComparisonJson(const Comparison& comparison) {
  Json json = {{"schema", "orrery-comparison"}, {"schema_version", 1},
               {"base", comparison.base_name},  {"new", comparison.new_name},
               {"device", comparison.device},   {"warnings", comparison.warnings}};
  Json counts = Json::object();
  for (const Verdict v : {Verdict::kSame, Verdict::kFaster, Verdict::kSlower, Verdict::kUnclear,
                          Verdict::kMissing, Verdict::kAdded}) {
    counts[std::string(Name(v))] = comparison.Count(v);
  }
  json["counts"] = counts;
  json["cases"] = Json::array();
  for (const CaseComparison& c : comparison.cases) json["cases"].push_back(CaseJson(c));
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace orrery::profiler
