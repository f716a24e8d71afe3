// Expert loads and token traces from CSV.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <unordered_map>

#include <fmt/format.h>

#include "core/error.h"
#include "models/routing/recorded_loads.h"

namespace orrery::models {
namespace {

struct Row {
  int line = 0;
  std::vector<std::string> fields;
};

std::string Trim(std::string_view s) {
  const auto first = s.find_first_not_of(" \t\r\"");
  if (first == std::string_view::npos) return "";
  return std::string(s.substr(first, s.find_last_not_of(" \t\r\"") - first + 1));
}

/// Without the byte-order mark that spreadsheets write before UTF-8.
std::string_view WithoutMark(std::string_view text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  return text.substr(0, kMark.size()) == kMark ? text.substr(kMark.size()) : text;
}

std::vector<Row> SplitRows(std::string_view text) {
  std::vector<Row> rows;
  int line = 0;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    ++line;
    if (Trim(one).empty() || Trim(one)[0] == '#') continue;
    Row row{line, {}};
    for (std::size_t from = 0; from <= one.size();) {
      const std::size_t to = std::min(one.find(',', from), one.size());
      row.fields.push_back(Trim(one.substr(from, to - from)));
      from = to + 1;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

/// "e12" -> 12 for prefix "e".
int Numbered(const std::string& name, std::string_view prefix) {
  if (name.size() <= prefix.size() || name.compare(0, prefix.size(), prefix) != 0) return -1;
  int n = 0;
  const auto [end, error] = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), n);
  return error == std::errc() && end == name.data() + name.size() ? n : -1;
}

class CsvLoads {
 public:
  CsvLoads(std::string_view text, std::string name)
      : name_(std::move(name)), rows_(SplitRows(WithoutMark(text))) {
    if (rows_.size() < 2) throw InputError(Place{name_}, "expected a header line and at least one row");
    header_ = rows_.front().fields, header_line_ = rows_.front().line;
    rows_.erase(rows_.begin());
    for (const Row& r : rows_) {
      if (r.fields.size() != header_.size()) {
        throw At(r, 0, fmt::format("{} fields, expected the header's {}", r.fields.size(), header_.size()));
      }
    }
    layer_ = Column("layer"), share_ = Column("share");
    if (layer_ < 0) throw InputError(Place{name_}, "no column 'layer'");
  }

  ExpertLoads Read() {
    if (Column("expert") >= 0 && Column("count") >= 0)
      ReadLong();
    else if (Column("token") >= 0)
      ReadTrace();
    else
      ReadWide();
    return Finish();
  }

 private:
  InputError At(const Row& row, int column, const std::string& why) const {
    return InputError(Place{name_, row.line, column}, why);
  }

  int Column(std::string_view name) const {
    const auto it = std::find(header_.begin(), header_.end(), name);
    return it == header_.end() ? -1 : static_cast<int>(it - header_.begin());
  }

  double Number(const Row& row, int column) const {
    const std::string& field = row.fields[static_cast<std::size_t>(column)];
    double x = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), x);
    if (error != std::errc() || end != field.data() + field.size() || !IsLoad(x)) {
      throw At(row, column + 1,
               fmt::format("{}: '{}' is not a number from 0 to 1e15",
                           header_[static_cast<std::size_t>(column)], field));
    }
    return x;
  }

  int Whole(const Row& row, int column, int most) const {
    const double x = Number(row, column);
    if (x != std::floor(x) || x > most) {
      throw At(row, column + 1,
               fmt::format("{}: '{}', expected a whole number of at most {}",
                           header_[static_cast<std::size_t>(column)],
                           row.fields[static_cast<std::size_t>(column)], most));
    }
    return static_cast<int>(x);
  }

  /// Columns prefix0.. or prefix1.., in order.
  std::vector<int> NumberedColumns(std::string_view prefix) const {
    std::map<int, int> found;
    for (std::size_t c = 0; c < header_.size(); ++c) {
      const int n = Numbered(header_[c], prefix);
      if (n >= 0 && !found.emplace(n, static_cast<int>(c)).second) {
        throw InputError(Place{name_}, fmt::format("column '{}' is there twice", header_[c]));
      }
    }
    std::vector<int> columns;
    for (const auto& [n, c] : found) columns.push_back(c);
    if (!found.empty() &&
        found.rbegin()->first - found.begin()->first + 1 != static_cast<int>(found.size())) {
      throw InputError(Place{name_}, fmt::format("columns {}{}..{}{} have gaps", prefix, found.begin()->first,
                                                 prefix, found.rbegin()->first));
    }
    return columns;
  }

  /// Text of the columns that are neither numbers of this form nor known names.
  std::string Domain(const Row& row, const std::set<int>& used) const {
    std::string domain;
    for (std::size_t c = 0; c < header_.size(); ++c) {
      const int column = static_cast<int>(c);
      if (column != layer_ && column != share_ && used.count(column) == 0)
        domain += (domain.empty() ? "" : "/") + row.fields[c];
    }
    return domain.empty() ? "all" : domain;
  }

  using Key = std::pair<int, int>;  ///< (layer, domain)

  /// The row's layer and domain; a new domain is added.
  Key KeyOf(const Row& row, const std::set<int>& used) {
    const std::string domain = Domain(row, used);
    const auto it = std::find(domains_.begin(), domains_.end(), domain);
    const int d = static_cast<int>(it - domains_.begin());
    if (it == domains_.end()) domains_.push_back(domain);
    if (share_ >= 0) SetShare(row, static_cast<std::size_t>(d));
    return {Whole(row, layer_, 1 << 20), d};
  }

  /// A domain's share of the mix, which each of its rows repeats.
  void SetShare(const Row& row, std::size_t domain) {
    const double share = Number(row, share_);
    if (domain == shares_.size()) shares_.push_back(share);
    if (share > 1 || share != shares_[domain]) {
      throw At(row, share_ + 1,
               share > 1 ? fmt::format("share: '{:g}', expected 0 to 1", share)
                         : fmt::format("share: '{:g}', an earlier row of {} has {:g}", share,
                                       domains_[domain], shares_[domain]));
    }
  }

  /// Even where the file does not tell.
  std::vector<double> Shares() const {
    if (share_ < 0) return std::vector<double>(domains_.size(), 1.0 / static_cast<double>(domains_.size()));
    const double sum = std::accumulate(shares_.begin(), shares_.end(), 0.0);
    if (std::abs(sum - 1) > 1e-3)
      throw InputError(Place{name_, header_line_, share_ + 1},
                       fmt::format("shares of {} domains add up to {:g}, expected 1", shares_.size(), sum));
    std::vector<double> out = shares_;
    for (double& x : out) x /= sum;
    return out;
  }

  /// InputError where an earlier row of the same layer and domain counted the same `id`, of `column`.
  void CountOnce(const Row& row, const Key& key, int column, const std::string& id) {
    const auto [it, first] = counted_[key].emplace(id, row.line);
    if (first) return;
    throw At(row, column + 1,
             fmt::format("{} {} of layer {} and domain {} is there already, in line {}",
                         header_[static_cast<std::size_t>(column)], id, key.first,
                         domains_[static_cast<std::size_t>(key.second)], it->second));
  }

  void ReadWide() {
    const std::vector<int> experts = NumberedColumns("e");
    if (experts.size() < 2) throw InputError(Place{name_}, "no expert columns e0.. or e1..");
    const int tokens = Column("tokens");
    std::set<int> used(experts.begin(), experts.end());
    used.insert(tokens);
    for (const Row& row : rows_) {
      std::vector<double>& cell = cells_[KeyOf(row, used)];
      if (!cell.empty()) throw At(row, layer_ + 1, "this layer and domain is there twice");
      for (int c : experts) cell.push_back(Number(row, c));
      if (tokens >= 0) CheckSum(row, Number(row, tokens), std::accumulate(cell.begin(), cell.end(), 0.0));
    }
    experts_ = static_cast<int>(experts.size());
  }

  /// Each row must hold the same whole number of selections a token.
  void CheckSum(const Row& row, double tokens, double sum) {
    const double k = tokens > 0 ? sum / tokens : 0;
    if (k_ == 0) k_ = k;
    if (k != std::floor(k) || k < 1 || k != k_) {
      throw At(
          row, 0,
          fmt::format("counts add up to {:g}, which is {:g} a token of {:g}; expected {} a token", sum, k,
                      tokens, k_ == k ? "a whole number" : fmt::format("{:g}, as in the first row,", k_)));
    }
  }

  void ReadLong() {
    const int expert = Column("expert"), count = Column("count");
    open_ended_ = true;
    for (const Row& row : rows_) {
      const Key key = KeyOf(row, {expert, count});
      std::vector<double>& cell = cells_[key];
      const auto e = static_cast<std::size_t>(Whole(row, expert, 4095));
      CountOnce(row, key, expert, std::to_string(e));
      if (cell.size() <= e) cell.resize(e + 1);
      cell[e] += Number(row, count);
      experts_ = std::max(experts_, static_cast<int>(e) + 1);
    }
  }

  void ReadTrace() {
    const std::vector<int> top = NumberedColumns("top");
    if (top.empty())
      throw InputError(Place{name_}, "a token trace needs columns top1..topK of expert numbers");
    k_ = static_cast<double>(top.size()), open_ended_ = true;
    const int token = Column("token");
    std::set<int> used(top.begin(), top.end());
    used.insert(token);
    for (const Row& row : rows_) {
      const Key key = KeyOf(row, used);
      CountOnce(row, key, token, row.fields[static_cast<std::size_t>(token)]);
      std::vector<double>& cell = cells_[key];
      std::set<int> chosen;
      for (int c : top) {
        const int e = Whole(row, c, 4095);
        if (!chosen.insert(e).second)
          throw At(row, c + 1, fmt::format("expert {} is chosen twice by one token", e));
        if (static_cast<int>(cell.size()) <= e) cell.resize(static_cast<std::size_t>(e) + 1);
        ++cell[static_cast<std::size_t>(e)];
        experts_ = std::max(experts_, e + 1);
      }
    }
  }

  ExpertLoads Finish() {
    ExpertLoads out{name_, domains_, Shares(), experts_, static_cast<int>(k_), {}, false, open_ended_};
    std::set<int> layers;
    for (const auto& [key, cell] : cells_) layers.insert(key.first);
    for (int layer : layers) {
      auto& by_domain = out.load.emplace_back();
      for (int d = 0; d < static_cast<int>(domains_.size()); ++d) {
        std::vector<double> cell = cells_[{layer, d}];
        cell.resize(static_cast<std::size_t>(experts_));
        if (std::accumulate(cell.begin(), cell.end(), 0.0) <= 0) {
          throw InputError(Place{name_}, fmt::format("layer {}, domain {}: no load", layer,
                                                     domains_[static_cast<std::size_t>(d)]));
        }
        by_domain.push_back(std::move(cell));
      }
    }
    return out;
  }

  std::string name_;
  std::vector<Row> rows_;
  std::vector<std::string> header_, domains_;
  std::vector<double> shares_;  ///< [domains] where there is a column of them
  std::map<Key, std::unordered_map<std::string, int>> counted_;  ///< expert or token, and the line of it
  std::map<Key, std::vector<double>> cells_;
  int layer_ = -1, share_ = -1, header_line_ = 0, experts_ = 0;
  double k_ = 0;
  bool open_ended_ = false;
};

}  // namespace

ExpertLoads ParseLoadsCsv(std::string_view text, const std::string& name) {
  return CsvLoads(text, name).Read();
}

}  // namespace orrery::models
