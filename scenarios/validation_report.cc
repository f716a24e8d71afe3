#include "scenarios/validation_report.h"

#include <algorithm>
#include <cmath>

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

std::string Counts(const ValidationSummary& s) {
  return fmt::format("{} within tolerance, {} off with a declared reason, {} off", s.passed, s.declared,
                     s.failed);
}

}  // namespace

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

std::string ValidationText(const std::vector<ValidationCase>& cases) {
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
  return text + "\n" + Counts(Summarise(cases)) + ".\n";
}

}  // namespace orrery::scenarios
