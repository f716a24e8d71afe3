#include "scenarios/schema/routing_fields.h"

#include <filesystem>

#include "core/config/codecs.h"

namespace orrery::scenarios {
namespace {

using models::AffinityChanges;
using models::ChoiceChunk;
using models::DocumentRange;
using models::DropOrder;
using models::RoutingOptions;
using models::Strategy;
using models::TextShift;

const Fields<AffinityChanges>& AffinityFields() {
  static const Fields<AffinityChanges> fields = [] {
    Fields<AffinityChanges> f;
    const auto number = [&f](const char* key, std::optional<double> AffinityChanges::*member, double least,
                             double most,
                             const char* help) { f.Add(key, member, Maybe(Number(least, most)), help); };
    number("offset", &AffinityChanges::offset, -20, 20, "mean logit of an expert");
    number("expert", &AffinityChanges::expert, 0, 10, "standard deviation of an expert's lasting preference");
    number("domain", &AffinityChanges::domain, 0, 10, "standard deviation of a domain's preference");
    number("spread", &AffinityChanges::spread, 0, 10, "log-normal spread of `domain` over layers");
    number("document", &AffinityChanges::document, 0, 10, "standard deviation of a document's preference");
    number("token", &AffinityChanges::token, 0, 10, "standard deviation of a token's preference");
    f.Add("rank", &AffinityChanges::rank, Maybe(Whole<int>(1, 64)), "factors of a token's preference");
    number("correlation", &AffinityChanges::correlation, 0, 0.999, "of neighbouring tokens' factors");
    f.Add("student", &AffinityChanges::student, Maybe(Whole<int>(0, 100)),
          "degrees of freedom of a domain's preference: 0 is Gaussian, else 3 or more");
    f.Add("domains", &AffinityChanges::domains, Maybe(Whole<int>(1, 256)), "domains of the text");
    number("outlier_share", &AffinityChanges::outlier_share, 0, 1,
           "experts of a domain whose preference has outlier_sd instead of `domain`");
    number("outlier_sd", &AffinityChanges::outlier_sd, 0, 10, "standard deviation of those");
    return f;
  }();
  return fields;
}

const Fields<TextShift>& ShiftFields() {
  static const Fields<TextShift> fields = [] {
    Fields<TextShift> f;
    f.Add("step", &TextShift::step, Whole<int>(1, 10'000'000), "training step from which the text is another")
        .Required();
    f.Add("to", &TextShift::to,
          Choice<models::DomainShift>(
              {{"reversed", models::DomainShift::kReversed}, {"one", models::DomainShift::kOne}}),
          "the domains' shares in reverse, or one domain alone");
    return f;
  }();
  return fields;
}

/// "4" or "[1, 4]".
Codec<DocumentRange> Documents() {
  Codec<DocumentRange> c;
  c.type = {FieldType::Kind::kText, "whole number, or [fewest, most]", "documents", 1, 4096, {}, {}};
  c.read = [](const Value& value) {
    DocumentRange range;
    if (!value.is_list()) {
      range.fewest = range.most = static_cast<int>(value.AsInt(1, 4096));
      return range;
    }
    if (value.items().size() != 2) throw value.Error("expected a number or [fewest, most]");
    range.fewest = static_cast<int>(value.items()[0].AsInt(1, 4096));
    range.most = static_cast<int>(value.items()[1].AsInt(range.fewest, 4096));
    return range;
  };
  c.write = [](const DocumentRange& range) {
    if (range.fewest == range.most) return Written::Scalar(std::to_string(range.fewest));
    Written list = Written::List();
    list.items = {Written::Scalar(std::to_string(range.fewest)), Written::Scalar(std::to_string(range.most))};
    return list;
  };
  return c;
}

/// "sequence", "micro-batch", "batch" or a number of tokens.
Codec<ChoiceChunk> Chunk() {
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  Codec<ChoiceChunk> c;
  c.type = {FieldType::Kind::kText, "sequence, micro-batch, batch or a number of tokens", "", {}, {}, {}, {}};
  c.read = [](const Value& value) {
    const std::string& text = value.AsString();
    if (text == "sequence") return ChoiceChunk{};
    if (text == "micro-batch") return ChoiceChunk{ChoiceChunk::Over::kMicroBatch, 0};
    if (text == "batch") return ChoiceChunk{ChoiceChunk::Over::kBatch, 0};
    if (text.find_first_of("0123456789") != 0)
      throw value.Error("expected sequence, micro-batch, batch or a number of tokens");
    return ChoiceChunk{ChoiceChunk::Over::kTokens,
                       static_cast<int>(value.AsCount("token", 1, kMost, CountSuffix::kLength))};
  };
  c.write = [](const ChoiceChunk& chunk) {
    if (chunk.over == ChoiceChunk::Over::kMicroBatch) return Written::Scalar("micro-batch");
    if (chunk.over == ChoiceChunk::Over::kBatch) return Written::Scalar("batch");
    return Written::Scalar(chunk.tokens > 0 ? CountText(chunk.tokens, "tokens") : "sequence");
  };
  return c;
}

/// A file of recorded loads, beside the document that names it.
Codec<std::string> LoadsFile() {
  Codec<std::string> c;
  c.type = {FieldType::Kind::kText, "file (.csv, .json)", "", {}, {}, {}, {}};
  c.read = [](const Value& value) {
    const std::filesystem::path file = ResolveBeside(value);
    std::error_code error;
    if (!std::filesystem::exists(file, error)) throw value.Error("no such file");
    if (!std::filesystem::is_regular_file(file, error)) throw value.Error("not a regular file");
    return file.string();
  };
  c.write = [](const std::string& file) {
    return Written::Scalar(file.empty() ? file : std::filesystem::absolute(file).string());
  };
  return c;
}

Codec<Strategy> StrategyChoice() {
  std::vector<std::pair<std::string, Strategy>> names;
  for (const std::string& name : models::StrategyNames())
    names.emplace_back(name, static_cast<Strategy>(names.size()));
  return Choice<Strategy>(names);
}

Fields<RoutingOptions> DescribeRouting() {
  Fields<RoutingOptions> f;
  f.Add("strategy", &RoutingOptions::strategy, Maybe(StrategyChoice()), "how experts' loads are kept even")
      .DefaultText("auxiliary-loss-free");
  f.Add("loads", &RoutingOptions::loads, LoadsFile(), "recorded expert loads instead of a strategy");
  f.Add("alpha", &RoutingOptions::alpha, Maybe(Number(0, 0.4)), "weight of the strategy's auxiliary loss")
      .DefaultText("0.001; 0.0001 of auxiliary-loss-free-plus");
  f.Add("chunk", &RoutingOptions::chunk, Maybe(Chunk()), "what experts choose tokens over")
      .DefaultText("sequence");
  f.Add("update", &RoutingOptions::update,
        Maybe(Choice<models::UpdateRule>({{"sign", models::UpdateRule::kSign},
                                          {"proportional", models::UpdateRule::kProportional},
                                          {"multiplicative", models::UpdateRule::kMultiplicative}})),
        "how biases are moved")
      .DefaultText("sign");
  f.Add("rate", &RoutingOptions::rate, Maybe(Number(0, 1)), "how far a step moves a bias")
      .DefaultText("0.001");
  f.Add("rate_until", &RoutingOptions::rate_until, Maybe(Whole<int>(0, 1 << 30)),
        "training step from which biases stay");
  f.Add("affinity", &RoutingOptions::affinity, MapOf(AffinityFields()), "parameters of the synthetic router");
  f.Add("documents_per_sequence", &RoutingOptions::documents_per_sequence, Maybe(Documents()),
        "documents packed into a sequence")
      .DefaultText("[1, 4]");
  f.Add("sequence_length", &RoutingOptions::sequence_length, Maybe(Count<int>("token", 1, 1 << 30)),
        "length of the text's sequences")
      .DefaultText("workload.sequence_length");
  f.Add("shift", &RoutingOptions::shift, Maybe(MapOf(ShiftFields())), "the text changes while training");
  f.Add("capacity_factor", &RoutingOptions::capacity_factor, Maybe(Number(1, 1000)),
        "rows accepted over the even share; what is above is dropped");
  f.Add("capacity_per", &RoutingOptions::device_capacity,
        Maybe(Choice<bool>({{"expert", false}, {"device", true}})), "whose rows are limited")
      .DefaultText("expert");
  f.Add("drop", &RoutingOptions::drop,
        Maybe(Choice<DropOrder>({{"arrival", DropOrder::kArrival},
                                 {"random", DropOrder::kRandom},
                                 {"lowest-affinity", DropOrder::kLowestAffinity}})),
        "which rows are dropped")
      .DefaultText("arrival; lowest-affinity where the capacity is a device's");
  f.Add("never_dropped", &RoutingOptions::never_dropped, Maybe(Number(0, 1)),
        "share of sequences that keep every row")
      .DefaultText("0");
  f.Add("placement", &RoutingOptions::eplb, Choice<bool>({{"contiguous", false}, {"eplb", true}}),
        "where experts stand: in order, or planned by load");
  f.Add("redundant_experts", &RoutingOptions::redundant_experts, Maybe(Whole<int>(0, 4096)),
        "slots of a layer beyond one an expert");
  f.Add("planned_from", &RoutingOptions::planned_from, Maybe(Whole<int>(1, 4096)),
        "micro-batches whose loads a plan is made from");
  f.Add("replanned_every", &RoutingOptions::replanned_every, Maybe(Whole<int>(0, 1 << 20)),
        "micro-batches between plans; 0: planned once");
  f.Add("shared_expert", &RoutingOptions::routed_shared_expert,
        Choice<bool>({{"replicated", false}, {"routed", true}}),
        "on every rank, or placed and replicated like a routed one");
  return f;
}

}  // namespace

const Fields<RoutingOptions>& RoutingFields() {
  static const Fields<RoutingOptions> fields = DescribeRouting();
  return fields;
}

RoutingOptions ReadRouting(const Value* section) {
  return section == nullptr || section->is_null() ? RoutingOptions{} : RoutingFields().Read(*section);
}

}  // namespace orrery::scenarios
