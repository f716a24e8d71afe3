#include "hw/cost/error_data.h"

#include <algorithm>

#include "core/config/resources.h"
#include "hw/cost/cost_model.h"

namespace orrery::hw {
namespace {

const std::vector<std::string> kRelationNames = {"same_chip", "same_architecture", "other_architecture"};

/// Errors are logarithms: e^3 is a factor of 20.
constexpr double kMost = 3;

double Spread(const Value& entry, const char* key) { return entry.At(key).AsDouble(0, kMost); }

/// Reads each entry of `list` into the place that its `key`, one of `names`, gives it; each exactly once.
template <typename Read>
void EachOnce(const Value& list, const char* key, const std::vector<std::string>& names, Read read) {
  std::vector<bool> seen(names.size(), false);
  for (const Value& entry : list.items()) {
    const std::size_t i = entry.At(key).AsChoice(names);
    if (seen[i]) throw entry.At(key).Error("a second entry; expected one for each");
    seen[i] = true;
    read(i, entry);
  }
  const auto missing = std::find(seen.begin(), seen.end(), false);
  if (missing != seen.end())
    throw list.Error("no entry for " + names[static_cast<std::size_t>(missing - seen.begin())]);
}

std::vector<std::vector<std::string>> Groups(const Value& list) {
  std::vector<std::vector<std::string>> groups;
  for (const Value& members : list.items()) {
    auto& group = groups.emplace_back();
    for (const Value& member : members.items()) group.push_back(member.AsString());
  }
  return groups;
}

bool Together(const std::vector<std::vector<std::string>>& groups, const std::string& a,
              const std::string& b) {
  return std::any_of(groups.begin(), groups.end(), [&](const std::vector<std::string>& group) {
    return std::find(group.begin(), group.end(), a) != group.end() &&
           std::find(group.begin(), group.end(), b) != group.end();
  });
}

DirectedError ReadDirected(const Value& entry) {
  entry.AllowKeys({"class", "bias", "between", "scatter", "devices", "rows"});
  return {entry.At("bias").AsDouble(-kMost, kMost), Spread(entry, "between"), Spread(entry, "scatter")};
}

ErrorData::Carried ReadCarried(const Value& value, const std::vector<std::string>& classes) {
  value.AllowKeys({"relation", "shared", "classes"});
  ErrorData::Carried carried;
  carried.shared = Spread(value, "shared");
  carried.classes.resize(classes.size());
  EachOnce(value.At("classes"), "class", classes, [&](std::size_t i, const Value& entry) {
    entry.AllowKeys({"class", "bias", "scatter", "pairs", "rows"});
    carried.classes[i] = {Spread(entry, "bias"), Spread(entry, "scatter")};
  });
  return carried;
}

}  // namespace

Relation ErrorData::Between(const std::string& lender, const std::string& borrower) const {
  if (lender == borrower || Together(chips, lender, borrower)) return Relation::kSameChip;
  return Together(architectures, lender, borrower) ? Relation::kSameArchitecture
                                                   : Relation::kOtherArchitecture;
}

ErrorData ReadErrorData(const Value& root) {
  root.AllowKeys({"schema_version", "chips", "architectures", "kin", "carried", "from_data_sheet", "stand_in",
                  "derived", "exchanges", "launch_gap"});
  root.At("schema_version").AsInt(1, 1);
  const std::vector<std::string>& classes = CostModel::ResidualClasses();
  ErrorData data;
  data.chips = Groups(root.At("chips"));
  data.architectures = Groups(root.At("architectures"));
  data.kin.assign(classes.size(), -1);
  for (const Value& pair : root.At("kin").items()) {
    pair.AllowKeys({"class", "takes"});
    data.kin[pair.At("class").AsChoice(classes)] = static_cast<int>(pair.At("takes").AsChoice(classes));
  }
  EachOnce(root.At("carried"), "relation", kRelationNames,
           [&](std::size_t i, const Value& entry) { data.carried[i] = ReadCarried(entry, classes); });
  data.from_data_sheet.resize(classes.size());
  EachOnce(root.At("from_data_sheet"), "class", classes,
           [&](std::size_t i, const Value& entry) { data.from_data_sheet[i] = ReadDirected(entry); });
  data.stand_in.resize(classes.size());
  for (const Value& entry : root.At("stand_in").items())
    data.stand_in[entry.At("class").AsChoice(classes)] = ReadDirected(entry);
  EachOnce(root.At("exchanges"), "relation", kRelationNames, [&](std::size_t i, const Value& entry) {
    entry.AllowKeys({"relation", "normal", "low_latency"});
    data.normal_exchange[i] = Spread(entry, "normal");
    data.low_latency_exchange[i] = Spread(entry, "low_latency");
  });
  data.derived.resize(classes.size());
  EachOnce(root.At("derived"), "class", classes, [&](std::size_t i, const Value& entry) {
    entry.AllowKeys({"class", "bias", "scatter", "rows"});
    data.derived[i] = {Spread(entry, "bias"), Spread(entry, "scatter")};
  });
  data.launch_gap = Spread(root, "launch_gap");
  return data;
}

ErrorData LoadErrorData() {
  return ReadErrorData(Document::Load(ResourceRoot() / "hw" / "data" / "price-errors.yaml").root());
}

}  // namespace orrery::hw
