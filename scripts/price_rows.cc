// Prices the rows of one kernel table from the rows of another, or from none: what a price costs in error
// that is carried from device to device, or taken from the data sheet alone. scripts/measure_price_errors
// runs it and says what the columns mean.
//
//   price_rows ROWS.yaml [TABLE.yaml ...]    on the device that ROWS names; rows it cannot have reached are left out
//   price_rows --exchanges DEVICE            from the DeepEP table that prices DEVICE, one node of 8 GPUs
#include <cmath>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "hw/cost/cost_model.h"
#include "hw/cost/plausible.h"
#include "hw/comm/exchange.h"
#include "hw/comm/low_latency.h"

namespace {

using namespace orrery;

void DropImpossible(hw::KernelTable* table, const hw::Device& device) {
  std::erase_if(table->rows, [&](const hw::KernelRow& row) {
    return hw::WhyImpossible(row.op, device, row.sms, row.time).has_value();
  });
}

/// Whether a table holds the shape on as large a share of its device.
bool Holds(const std::vector<hw::KernelTable>& tables, const hw::KernelRow& row) {
  for (const hw::KernelTable& table : tables) {
    for (const hw::KernelRow& other : table.rows) {
      hw::KernelRow same = other;
      same.sms = row.sms;
      if (hw::SameCase(same, row)) return true;
    }
  }
  return false;
}

/// One line a row: kind, residual class, ln(measured / priced), whether a table holds its shape, bytes, row.
void Print(const hw::KernelTable& rows, const std::vector<hw::KernelTable>& tables) {
  const hw::Device device = hw::DevicePreset(rows.device);
  const hw::CostModel cost(device, tables);
  for (const hw::KernelRow& row : rows.rows) {
    if (hw::WhyImpossible(row.op, device, row.sms, row.time)) continue;
    const double priced = Seconds(cost.PriceOp(row.op, row.sms).time);
    const auto& of_class = hw::CostModel::ResidualClasses()[static_cast<std::size_t>(
        hw::CostModel::ResidualClass(row.op.kind))];
    std::printf("%s,%s,%.6f,%d,%lld,%s\n", std::string(Name(row.op.kind)).c_str(), of_class.c_str(),
                std::log(Seconds(row.time) / priced), Holds(tables, row) ? 1 : 0,
                static_cast<long long>(row.op.bytes().count), hw::RowText(row).c_str());
  }
}

/// One line a size: kernels, kind, tokens, seconds.
void PrintExchanges(const std::string& name) {
  hw::Device device = hw::DevicePreset(name);
  device.name += ", its own node left out";  // as if nobody had measured it
  const std::string version = hw::ExchangeModel::Versions().back();
  const hw::ExchangeModel normal = hw::ExchangeModel::Load(device, version);
  const hw::LowLatencyModel fast = hw::LowLatencyModel::Load(device, version);
  const hw::DeepEpTable table = hw::LoadDeepEpTable("h800-sxm", version);
  constexpr int kRanks = hw::kDeepEpRanksPerNode;
  for (const hw::ExchangeKind kind : {hw::ExchangeKind::kDispatch, hw::ExchangeKind::kCombine}) {
    const char* verb = hw::IsDispatch(kind) ? "dispatch" : "combine";
    for (int tokens = 1024; tokens <= 32768; tokens *= 2) {
      const hw::PairBytes pair = hw::NormalPairBytes(kind, table.hidden, table.top_k);
      const hw::ExchangeSample mean =
          hw::MeanExchange(kind, pair, table.normal.front().fan_out, tokens);  // its first row is one node
      std::printf("normal,%s,%d,%.9g\n", verb, tokens,
                  hw::TwoResourceSeconds(normal.rates(), mean.scale_out_bytes, mean.scale_up_bytes));
    }
    for (int tokens = 16; tokens <= 1024; tokens *= 2) {
      const std::int64_t pairs = std::int64_t{tokens} * table.top_k * (kRanks - 1) / kRanks;
      const Bytes bytes{pairs * hw::LowLatencyPairBytes(kind, table.hidden).count};
      std::printf("low_latency,%s,%d,%.9g\n", verb, tokens, Seconds(fast.Price({}, bytes)));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 2) throw InputError("price_rows ROWS.yaml [TABLE.yaml ...]");
    if (std::string(argv[1]) == "--exchanges") {
      if (argc != 3) throw InputError("price_rows --exchanges DEVICE");
      PrintExchanges(argv[2]);
      return 0;
    }
    const hw::KernelTable rows = hw::ReadKernelTable(argv[1]);
    std::vector<hw::KernelTable> tables;
    for (int i = 2; i < argc; ++i) {
      tables.push_back(hw::ReadKernelTable(argv[i]));
      DropImpossible(&tables.back(), hw::DevicePreset(tables.back().device));
    }
    Print(rows, tables);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
  }
  return 0;
}
