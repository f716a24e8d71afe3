// The kernels of DeepSeek's training trace, as aggregated in the reference folder beside the project.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace orrery::models {

struct TraceRow {
  std::string phase, op, shape;
  int count = 0;
  double gflop = 0, megabytes = 0;
};

inline std::filesystem::path TraceFile() {
  return std::filesystem::path(ORRERY_SOURCE_DIR) / "../shared/reference/train-trace/ops.csv";
}

/// Fields of one CSV line; quotes keep commas.
inline std::vector<std::string> CsvFields(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

inline std::vector<TraceRow> ReadTrace() {
  std::vector<TraceRow> rows;
  std::ifstream in(TraceFile());
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    const std::vector<std::string> f = CsvFields(line);
    rows.push_back({f.at(0), f.at(1), f.at(2), std::stoi(f.at(4)), std::stod(f.at(8)), std::stod(f.at(9))});
  }
  return rows;
}

}  // namespace orrery::models
