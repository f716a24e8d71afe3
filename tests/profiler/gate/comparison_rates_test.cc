// How often the comparison errs, measured: synthetic runs from fixed seeds make the table in
// docs/profiling.md. ORRERY_UPDATE_DOCS=1 (scripts/update_docs sets it) writes the table anew, in about a
// minute; otherwise one of its rows is measured and held against it.
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "profiler/gate/comparison.h"
#include "tests/profiler/measurement/synthetic_run.h"

namespace orrery::profiler {
namespace {

constexpr int kCases = 100, kLaunches = 30, kRounds = 200, kChanged = 5;
constexpr std::array kSlowdowns = {1.03, 1.05, 1.10};

/// A machine and what is run on it.
struct Setting {
  const char* name;
  int base_processes, new_processes;
  Noise noise;
  ComparisonOptions rule;
};

constexpr ComparisonOptions kDefault;
constexpr ComparisonOptions kFine{.min_ratio = 0.01, .min_delta_us = 0};
const std::vector<Setting> kSettings = {
    {"0.3 %", 5, 3, {.between_processes = 0.003}, kDefault},
    {"0.3 %, `--min-effect 1 --min-delta-us 0`", 5, 3, {.between_processes = 0.003}, kFine},
    {"1 %", 5, 3, {.between_processes = 0.01}, kDefault},
    {"1 %", 3, 3, {.between_processes = 0.01}, kDefault},
    {"1 %, uneven", 5, 3, {.between_processes = 0.01, .uneven = 0.5}, kDefault},
    {"1 %, of all cases together", 5, 3, {.between_processes = 0.003, .shared = 0.01}, kDefault},
    {"2 %", 5, 3, {.between_processes = 0.02}, kDefault},
    {"4 %", 5, 3, {.between_processes = 0.04}, kDefault},
    {"1 %", 5, 1, {.between_processes = 0.01}, kDefault},
    {"1 %", 1, 1, {.between_processes = 0.01}, kDefault},
};

/// Counts over all rounds.
struct Rates {
  int alarms = 0, alarms_strict = 0, retried_alarms = 0, retried_strict = 0;  ///< rounds, nothing changed
  std::array<int, kSlowdowns.size()> found{}, noticed{};  ///< changed cases: slower; slower or unclear
};

/// The middle ones: long enough that 3 % is more than the floor.
bool Changes(int index) { return index % 10 == 5 && index >= 40 && index < 40 + 10 * kChanged; }

MeasurementRun Run(const Setting& setting, int round, int which, int processes, double factor = 1) {
  const auto seed = static_cast<std::uint64_t>(10 * round + which);
  MeasurementRun run = SyntheticRun(seed, kCases, processes, kLaunches, setting.noise);
  for (KernelSample& sample : run.samples) {
    if (!Changes(std::stoi(sample.op_label.substr(5)))) continue;
    for (double& us : sample.durations_us) us *= factor;
  }
  return run;
}

bool Passes(Comparison comparison, bool strict) {
  comparison.policy.strict = strict;
  return GateFailures(comparison).empty();
}

void CountAlarms(const Setting& s, const MeasurementRun& base, int round, Rates* rates) {
  Comparison c = Compare(base, Run(s, round, 1, s.new_processes), s.rule);
  rates->alarms += c.Count(Verdict::kSlower) > 0;
  rates->alarms_strict += !Passes(c, true);
  ConfirmWith(Compare(base, Run(s, round, 2, s.new_processes), s.rule), &c);
  rates->retried_alarms += c.Count(Verdict::kSlower) > 0;
  rates->retried_strict += !Passes(c, true);
}

void CountFound(const Setting& s, const MeasurementRun& base, int round, std::size_t slowdown, Rates* rates) {
  const double factor = kSlowdowns[slowdown];
  const int which = 3 + 2 * static_cast<int>(slowdown);
  Comparison c = Compare(base, Run(s, round, which, s.new_processes, factor), s.rule);
  ConfirmWith(Compare(base, Run(s, round, which + 1, s.new_processes, factor), s.rule), &c);
  for (const CaseComparison& kernel : c.cases) {
    if (!Changes(std::stoi(kernel.label.substr(5)))) continue;
    rates->found[slowdown] += kernel.verdict == Verdict::kSlower;
    rates->noticed[slowdown] += kernel.verdict == Verdict::kSlower || kernel.verdict == Verdict::kUnclear;
  }
}

Rates Measure(const Setting& setting) {
  Rates rates;
  for (int round = 0; round < kRounds; ++round) {
    const MeasurementRun base = Run(setting, round, 0, setting.base_processes);
    CountAlarms(setting, base, round, &rates);
    for (std::size_t i = 0; i < kSlowdowns.size(); ++i) CountFound(setting, base, round, i, &rates);
  }
  return rates;
}

double Share(int count, int of = kRounds) { return 100.0 * count / of; }

std::string Row(const Setting& s, const Rates& r) {
  std::string row = fmt::format("| {} | {} + {} | {:.0f} % / {:.0f} % | {:.0f} % / {:.0f} % |", s.name,
                                s.base_processes, s.new_processes, Share(r.alarms), Share(r.alarms_strict),
                                Share(r.retried_alarms), Share(r.retried_strict));
  for (std::size_t i = 0; i < kSlowdowns.size(); ++i) {
    row += fmt::format(" {:.0f} % / {:.0f} % |", Share(r.found[i], kRounds * kChanged),
                       Share(r.noticed[i], kRounds * kChanged));
  }
  return row + "\n";
}

std::string Table() {
  std::string table =
      "| spread between processes | processes, base + new | false alarm, before a retry | after it | 3 % "
      "slower "
      "| 5 % slower | 10 % slower |\n|---|--:|--:|--:|--:|--:|--:|\n";
  for (const Setting& setting : kSettings) table += Row(setting, Measure(setting));
  return table;
}

std::string ReadText(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

TEST(ComparisonRates, AreThoseThatTheDocumentationStates) {
  const std::filesystem::path file = std::filesystem::path(ORRERY_SOURCE_DIR) / "docs/profiling.md";
  const std::string open = "<!-- comparison-rates -->\n", close = "<!-- /comparison-rates -->";
  std::string text = ReadText(file);
  const std::size_t begin = text.find(open) + open.size(), end = text.find(close);
  ASSERT_NE(end, std::string::npos);
  if (std::getenv("ORRERY_UPDATE_DOCS") != nullptr) {
    std::ofstream(file) << text.replace(begin, end - begin, Table());
    return;
  }
  const Setting& setting = kSettings[3];
  EXPECT_NE(text.substr(begin, end - begin).find(Row(setting, Measure(setting))), std::string::npos)
      << "measured: " << Row(setting, Measure(setting)) << "write the table anew with scripts/update_docs";
}

}  // namespace
}  // namespace orrery::profiler
