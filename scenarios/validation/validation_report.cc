#include "scenarios/validation/validation_report.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include <fmt/format.h>

namespace orrery::scenarios {
namespace {

std::string Number(double value) {
  const double magnitude = std::abs(value);
  if (value == std::floor(value) && magnitude < 1e7) return fmt::format("{:.0f}", value);
  if (magnitude >= 1e7) return fmt::format("{:.5g}", value);
  return fmt::format("{:.4g}", value);
}

std::string Published(const ValidationCase& c) {
  if (c.kind == ToleranceKind::kRange) return Number(c.low) + ".." + Number(c.high);
  return (c.kind == ToleranceKind::kAtMost ? "<= " : "") + Number(c.published);
}

std::string Error(const ValidationCase& c) {
  if (c.kind == ToleranceKind::kRange || c.kind == ToleranceKind::kAtMost) return "";
  if (c.kind == ToleranceKind::kAbsolute || c.published == 0)
    return fmt::format("{:+.3g}", c.simulated - c.published);
  return fmt::format("{:+.2f} %", 100 * (c.simulated - c.published) / std::abs(c.published));
}

std::string Tolerance(const ValidationCase& c) {
  switch (c.kind) {
    case ToleranceKind::kRelative:
      return c.tolerance == 0 ? "exact" : fmt::format("{:g} %", 100 * c.tolerance);
    case ToleranceKind::kAbsolute:
      return c.tolerance == 0 ? "exact" : fmt::format("{:g}", c.tolerance);
    case ToleranceKind::kAtMost:
      return "limit";
    case ToleranceKind::kRange:
      return "range";
  }
  return "";
}

const char* Verdict(const ValidationCase& c) {
  if (c.Passes()) return "ok";
  return c.residual.empty() ? "OFF" : "declared";
}

const char* Role(const ValidationCase& c) {
  switch (c.role) {
    case CaseRole::kJudges:
      return "judges";
    case CaseRole::kCalibrates:
      return "calibrates";
    case CaseRole::kFormula:
      return "formula";
  }
  return "";
}

std::vector<std::string> Areas(const std::vector<ValidationCase>& cases) {
  std::vector<std::string> areas;
  for (const ValidationCase& c : cases) {
    if (std::find(areas.begin(), areas.end(), c.area) == areas.end()) areas.push_back(c.area);
  }
  return areas;
}

std::string CoverageText(const std::string& what, const Coverage& c) {
  return fmt::format(
      "{}: {} of {} published figures within the 90 % interval of ours ({:.0f} %), median half-width {:.1f} "
      "%",
      what, c.covered, c.judged, 100.0 * c.covered / c.judged, 100 * c.median_half_width);
}

/// All areas together, then each that has intervals; "" where there are none. Lines begin with `bullet`.
std::string CoverageLines(const std::vector<ValidationCase>& cases, const std::string& bullet) {
  const Coverage all = CoverageOf(cases);
  if (all.judged == 0) return "";
  std::string text = bullet + CoverageText("all that judge and have one", all) + "\n";
  for (const std::string& area : Areas(cases)) {
    std::vector<ValidationCase> of_area;
    std::copy_if(cases.begin(), cases.end(), std::back_inserter(of_area),
                 [&](const ValidationCase& c) { return c.area == area; });
    const Coverage part = CoverageOf(of_area);
    if (part.judged > 0) text += bullet + CoverageText(area, part) + "\n";
  }
  return text;
}

const char* Inside(const ValidationCase& c) { return c.Covered() ? "within" : "outside"; }

std::string Counts(const ValidationSummary& s) {
  return fmt::format("{} within tolerance, {} off with a declared reason, {} off", s.passed, s.declared,
                     s.failed);
}

}  // namespace

Coverage CoverageOf(const std::vector<ValidationCase>& cases) {
  Coverage coverage;
  std::vector<double> widths;
  for (const ValidationCase& c : cases) {
    if (!c.JudgesInterval()) continue;
    ++coverage.judged;
    coverage.covered += c.Covered();
    widths.push_back(c.HalfWidth());
  }
  if (widths.empty()) return coverage;
  std::sort(widths.begin(), widths.end());
  coverage.median_half_width = widths[widths.size() / 2];
  return coverage;
}

ValidationSummary Summarise(const std::vector<ValidationCase>& cases) {
  ValidationSummary s;
  for (const ValidationCase& c : cases) {
    if (c.Passes()) {
      ++s.passed;
    } else if (!c.residual.empty()) {
      ++s.declared;
    } else {
      ++s.failed;
    }
  }
  return s;
}

std::string ValidationText(const std::vector<ValidationCase>& cases, bool intervals) {
  std::string text;
  for (const std::string& area : Areas(cases)) {
    text += fmt::format("\n{}\n", area);
    text += fmt::format("  {:<10} {:<58} {:>12} {:>12} {:<8} {:>9} {:>9}  {:<10} {}\n", "id", "case",
                        "published", "simulated", "unit", "error", "tolerance", "figure", "verdict");
    for (const ValidationCase& c : cases) {
      if (c.area != area) continue;
      text +=
          fmt::format("  {:<10} {:<58} {:>12} {:>12} {:<8} {:>9} {:>9}  {:<10} {}\n", c.id, c.what,
                      Published(c), Number(c.simulated), c.unit, Error(c), Tolerance(c), Role(c), Verdict(c));
    }
  }
  bool heading = false;
  for (const ValidationCase& c : cases) {
    if (c.Passes() || c.residual.empty()) continue;
    if (!heading) text += "\nOff, and why\n";
    heading = true;
    text += fmt::format("  {} {}: {}\n", c.id, c.what, c.residual);
  }
  const std::string coverage = CoverageLines(cases, "  ");
  if (!coverage.empty()) text += "\n90 % intervals\n" + coverage;
  for (const ValidationCase& c : cases) {
    if (intervals && c.JudgesInterval()) {
      text += fmt::format("  {:<12} {:<72} {:>10} {:>10}  {:>10} to {:>10} {:<6} {}\n", c.id, c.what,
                          Number(c.published), Number(c.simulated), Number(c.interval->low),
                          Number(c.interval->high), c.unit, Inside(c));
    }
  }
  return text + "\n" + Counts(Summarise(cases)) + "\n";
}

std::string ValidationMarkdown(const std::vector<ValidationCase>& cases) {
  std::string text =
      "# Validation\n\nWritten by `orrery validate --markdown`. *judges*: the figure feeds nothing. "
      "*calibrates*: the model is calibrated\nwith it, so agreement is expected. *formula*: a published "
      "formula "
      "evaluated here; no figure was\npublished, so it checks the code alone.\n";
  for (const std::string& area : Areas(cases)) {
    text += fmt::format(
        "\n## {}\n\n| id | case | published | simulated | unit | error | tolerance | figure | verdict | "
        "source |\n"
        "|---|---|---|---|---|---|---|---|---|---|\n",
        area);
    for (const ValidationCase& c : cases) {
      if (c.area != area) continue;
      text += fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", c.id, c.what, Published(c),
                          Number(c.simulated), c.unit, Error(c), Tolerance(c), Role(c), Verdict(c), c.source);
    }
  }
  bool heading = false;
  for (const ValidationCase& c : cases) {
    if (c.Passes() || c.residual.empty()) continue;
    if (!heading) text += "\n## Off, and why\n\n";
    heading = true;
    text += fmt::format("- **{}** {}: {}\n", c.id, c.what, c.residual);
  }
  const std::string coverage = CoverageLines(cases, "- ");
  if (!coverage.empty()) {
    text +=
        "\n## 90 % intervals\n\nFigures that judge and have one. What an interval is made of: "
        "[calibration.md](calibration.md#how-far-off).\n\n" +
        coverage +
        "\n| id | case | published | simulated | low | high | unit | |\n|---|---|---|---|---|---|---|---|\n";
  }
  for (const ValidationCase& c : cases) {
    if (c.JudgesInterval()) {
      text += fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} |\n", c.id, c.what, Number(c.published),
                          Number(c.simulated), Number(c.interval->low), Number(c.interval->high), c.unit,
                          Inside(c));
    }
  }
  return text + "\n" + Counts(Summarise(cases)) + ".\n";
}

}  // namespace orrery::scenarios
