// Whether a comparison passes, and the second measurement that decides what a first one left open.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "profiler/gate/comparison.h"

namespace orrery::profiler {
namespace {

using Again = std::map<std::string, const CaseComparison*>;

/// "slower at first (+4.0 %)".
std::string AtFirst(const CaseComparison& c) {
  const std::string why = c.reason.empty() ? "" : ": " + c.reason;
  return fmt::format("{} at first ({:+.1f} %{})", Name(c.verdict), 100 * (c.ratio - 1), why);
}

std::string MeasuredAgain(const CaseComparison& c) {
  return fmt::format("{} when measured again ({:+.1f} %)", Name(c.verdict), 100 * (c.ratio - 1));
}

/// The second measurement settles a case: its numbers stand, with what the first said.
void Settle(const CaseComparison& second, CaseComparison* c) {
  const std::string first = AtFirst(*c);
  *c = second;
  c->reason = first + (second.reason.empty() ? "" : "; " + second.reason);
}

/// A case slower, faster or unclear at first.
void Confirm(const Again& again, CaseComparison* c) {
  const auto it = again.find(c->key);
  if (it == again.end() || it->second->verdict == Verdict::kMissing) {
    c->reason += (c->reason.empty() ? "" : "; ") + std::string("not measured again");
    return;  // the first verdict stands
  }
  const CaseComparison& second = *it->second;
  const bool settled = second.verdict == Verdict::kSame || second.verdict == Verdict::kBelowFloor ||
                       second.verdict == Verdict::kInexact || second.verdict == Verdict::kImpossible;
  if (settled) return Settle(second, c);
  const std::string reason = AtFirst(*c) + ", " + MeasuredAgain(second);
  if (c->verdict != second.verdict) c->verdict = Verdict::kUnclear;
  c->reason = reason;
}

bool NeedsConfirmation(Verdict verdict) {
  return verdict == Verdict::kSlower || verdict == Verdict::kFaster || verdict == Verdict::kUnclear;
}

bool Judged(Verdict verdict) {
  return verdict != Verdict::kUnclear && verdict != Verdict::kMissing && verdict != Verdict::kAdded;
}

}  // namespace

void ConfirmWith(const Comparison& again, Comparison* comparison) {
  Again cases;
  for (const CaseComparison& c : again.cases) cases[c.key] = &c;
  for (CaseComparison& c : comparison->cases) {
    if (NeedsConfirmation(c.verdict)) Confirm(cases, &c);
  }
  for (const std::string& warning : again.warnings) {
    const auto& known = comparison->warnings;
    if (std::find(known.begin(), known.end(), warning) == known.end())
      comparison->warnings.push_back("measured again: " + warning);
  }
}

bool Fails(Verdict verdict, const GatePolicy& policy) {
  switch (verdict) {
    case Verdict::kSlower:
    case Verdict::kInexact:
    case Verdict::kImpossible:
      return true;
    case Verdict::kMissing:
      return !policy.allow_missing;
    case Verdict::kUnclear:
      return policy.strict;
    case Verdict::kSame:
    case Verdict::kFaster:
    case Verdict::kBelowFloor:
    case Verdict::kAdded:
      return false;
  }
  return true;
}

std::vector<std::string> GateFailures(const Comparison& comparison) {
  std::vector<std::string> failures;
  for (const Verdict verdict : kVerdicts) {
    const int count = comparison.Count(verdict);
    if (count > 0 && Fails(verdict, comparison.policy))
      failures.push_back(fmt::format("{} {}", count, Name(verdict)));
  }
  const bool judged = std::any_of(comparison.cases.begin(), comparison.cases.end(),
                                  [](const CaseComparison& c) { return Judged(c.verdict); });
  if (!judged) failures.emplace_back("no case could be judged");
  return failures;
}

}  // namespace orrery::profiler
