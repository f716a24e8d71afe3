// orrery-device: the device half as a program of its own. Its contract stands in profiler/backend.h.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "core/base/error.h"
#include "profiler/device/runtime/campaign.h"
#include "profiler/device/runtime/counters.h"
#include "profiler/device/workloads/workload_prefill.h"
#include "profiler/suite/measurement_text.h"
#include "profiler/suite/suite.h"

namespace {

using namespace orrery;
using namespace orrery::profiler;

constexpr int kExitInput = 2;
constexpr int kExitUnavailable = 77;
constexpr int kExitLost = 3;  // a kernel trapped and the device was lost to this process

constexpr const char* kUsage =
    "usage: orrery-device probe | sections [--priority N] | passes CHIP | attention\n"
    "       orrery-device run --suite NAME --out FILE [--process N] [--seed S] [--samples N] [--warmups N]\n"
    "                         [--section NAME] [--filter TEXT] [--priority N] [--no-counters] "
    "[--keep-going]\n";

struct Arguments {
  CampaignOptions campaign;
  std::string out;
  bool keep_going = false;  ///< wrong kernels are left out and listed, and the exit code stays 0
};

long ToNumber(const std::string& option, const std::string& text, long low, long high) {
  char* end = nullptr;
  const long value = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || value < low || value > high) {
    throw InputError(option + ": expected a whole number from " + std::to_string(low) + " to " +
                     std::to_string(high) + ", got '" + text + "'");
  }
  return value;
}

bool ReadSwitch(const std::string& option, Arguments& a) {
  if (option == "--no-counters")
    a.campaign.counters = false;
  else if (option == "--keep-going")
    a.keep_going = true;
  else
    return false;
  return true;
}

void ReadOption(const std::string& option, const std::string& value, Arguments& a) {
  CampaignOptions& o = a.campaign;
  if (option == "--suite")
    o.suite = value;
  else if (option == "--out")
    a.out = value;
  else if (option == "--section")
    o.section = value;
  else if (option == "--filter")
    o.filter = value;
  else if (option == "--process")
    o.process = static_cast<int>(ToNumber(option, value, 0, 1000));
  else if (option == "--seed")
    o.seed = static_cast<std::uint64_t>(ToNumber(option, value, 0, 1L << 40));
  else if (option == "--samples")
    o.samples = static_cast<int>(ToNumber(option, value, 5, 10000));
  else if (option == "--warmups")
    o.warmups = static_cast<int>(ToNumber(option, value, 1, 10000));
  else if (option == "--priority")
    o.priority = static_cast<int>(ToNumber(option, value, 1, 3));
  else
    throw InputError("unknown option '" + option + "'");
}

Arguments Parse(int argc, char** argv) {
  Arguments a;
  a.campaign.command = "orrery-device";
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument != "--out" && (i == 1 || std::strcmp(argv[i - 1], "--out") != 0))
      a.campaign.command += " " + argument;
  }
  for (int i = 2; i < argc; ++i) {
    const std::string option = argv[i];
    if (ReadSwitch(option, a)) continue;
    if (i + 1 >= argc) throw InputError("option '" + option + "' needs a value");
    ReadOption(option, argv[++i], a);
  }
  return a;
}

void CheckSuite(const std::string& name) {
  const auto known = SuiteNames();
  for (const std::string& suite : known) {
    if (suite == name) return;
  }
  throw InputError("no suite '" + name + "'" + DidYouMean(name, known) + "; there is: " + known.front());
}

// Whole or not at all.
void WriteWhole(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".partial";
  std::ofstream file(temporary, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw InputError(path + ": cannot be written");
  std::filesystem::rename(temporary, path);
}

void Summarise(const CampaignResult& result) {
  for (const std::string& line : result.skipped) std::fprintf(stderr, "left out: %s\n", line.c_str());
  for (const std::string& line : result.wrong) std::fprintf(stderr, "wrong: %s\n", line.c_str());
  std::fprintf(
      stderr,
      "%zu cases measured, %zu left out, %zu wrong; on kernels over 100 us events are within %.2f %% of "
      "CUPTI\n",
      result.run.samples.size(), result.skipped.size(), result.wrong.size(),
      100.0 * (result.worst_event_ratio > 1 ? result.worst_event_ratio - 1 : 1 - result.worst_event_ratio));
  if (!result.run.counters_note.empty()) std::fprintf(stderr, "%s\n", result.run.counters_note.c_str());
}

int RunSuite(const Arguments& a) {
  CheckSuite(a.campaign.suite);
  if (a.out.empty()) throw InputError("--out FILE is missing");
  const CampaignResult result = RunCampaign(a.campaign);
  Summarise(result);
  if (!result.run.samples.empty() || !result.run.launch_gaps.empty())
    WriteWhole(a.out, MeasurementText(result.run));
  if (!result.fatal.empty()) {
    std::fprintf(stderr, "orrery-device: the GPU was lost in %s\n", result.fatal.c_str());
    return kExitLost;
  }
  if (!result.wrong.empty() && !a.keep_going) {
    std::fprintf(stderr, "orrery-device: %zu kernels failed their reference check, the first: %s\n",
                 result.wrong.size(), result.wrong.front().c_str());
    return kExitInput;
  }
  return 0;
}

int Dispatch(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "passes" && argc == 3) {
    std::printf("%s: %d passes for %zu metrics\n", argv[2], CounterPasses(argv[2]), CounterMetrics().size());
    return 0;
  }
  if (verb == "probe") {
    std::printf("%s\n", ProbeDevice().c_str());
    return 0;
  }
  if (verb == "attention") return PrintPrefillEngines();
  const Arguments a = Parse(argc, argv);
  if (verb == "run") return RunSuite(a);
  if (verb != "sections")
    throw InputError(std::string("expected probe, sections, passes, attention or run\n") + kUsage);
  for (const std::string& section : Sections(a.campaign.priority)) std::printf("%s\n", section.c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Dispatch(argc, argv);
  } catch (const UnavailableError& error) {
    std::fprintf(stderr, "orrery-device: %s\n", error.what());
    return kExitUnavailable;
  } catch (const InputError& error) {
    std::fprintf(stderr, "orrery-device: %s\n", error.what());
    return kExitInput;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "orrery-device: %s\n", error.what());
    return 1;
  }
}
