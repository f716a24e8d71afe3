#include "scenarios/report/attention_writers.h"

#include <algorithm>

#include <fmt/format.h>

#include "models/spec/mixer_text.h"

namespace orrery::scenarios {
namespace {

std::string Tokens(std::int64_t n) {
  return n >= 1024 && n % 1024 == 0 ? fmt::format("{} K", n / 1024) : fmt::format("{}", n);
}

/// KB is 1000 B.
std::string Kilobytes(std::int64_t bytes) {
  return fmt::format("{:.3f} KB", static_cast<double>(bytes) / 1000);
}

std::string Sized(double value, const char* unit) {
  static constexpr const char* kPrefix[] = {"", "K", "M", "G", "T", "P"};
  int p = 0;
  while (value >= 1000 && p < 5) value /= 1000, ++p;
  return fmt::format("{:.4g} {}{}", value, kPrefix[p], unit);
}

std::string Duration(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.1f} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.2f} ms", seconds * 1e3);
  return fmt::format("{:.2f} s", seconds);
}

/// " -8/+12 %": the central 90 % about a time.
std::string Interval(const std::optional<hw::Range90>& range) {
  return range ? fmt::format(" -{:.0f}/+{:.0f} %", 100 * (1 - range->low), 100 * (range->high - 1)) : "";
}

/// Columns as wide as their widest cell; the first is left-aligned, the others right-aligned.
class Table {
 public:
  void Row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string Text() const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
      widths.resize(std::max(widths.size(), row.size()), 0);
      for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const auto& row : rows_) {
      std::string line = "  ";
      for (std::size_t i = 0; i < row.size(); ++i) {
        line +=
            i == 0 ? fmt::format("{:<{}}", row[i], widths[i]) : fmt::format("  {:>{}}", row[i], widths[i]);
      }
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + "\n";
    }
    return text;
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

std::string CacheTable(const ModelReport& m) {
  Table t;
  t.Row(
      {"design", "elements/token/layer", "cache/token", "of MHA", "weights/GPU", "cache tokens/GPU", "note"});
  for (const DesignReport& d : m.designs) {
    t.Row({d.design.name, std::to_string(d.entry.elements()), Kilobytes(d.cache_bytes_per_token),
           fmt::format("{:.2f} %", 100 * d.ratio_to_mha),
           Sized(static_cast<double>(d.weight_bytes_per_gpu), "B"),
           d.cache_tokens_per_gpu > 0 ? std::to_string(d.cache_tokens_per_gpu) : "does not fit",
           d.design.name == models::OwnDesign(m.spec) ? "its own" : "recast"});
  }
  return t.Text();
}

/// A row a design, a column a context.
std::string ByContext(const AttentionScenario& s, const ModelReport& m,
                      std::string (*cell)(const CapacityPoint&)) {
  Table t;
  std::vector<std::string> head = {"design"};
  for (std::int64_t c : s.contexts) head.push_back(Tokens(c));
  t.Row(head);
  for (const DesignReport& d : m.designs) {
    std::vector<std::string> row = {d.design.name};
    for (const CapacityPoint& p : d.capacity) row.push_back(cell(p));
    t.Row(row);
  }
  return t.Text();
}

std::string CapacityTable(const AttentionScenario& s, const ModelReport& m) {
  return ByContext(s, m, [](const CapacityPoint& p) {
    return fmt::format("{} | {} | {}", Sized(static_cast<double>(p.request_bytes), "B"), p.memory_batch,
                       p.tpot_batch);
  });
}

/// What a token of a request takes of the cache, by the request's length.
std::string CacheByLengthTable(const AttentionScenario& s, const ModelReport& m) {
  return ByContext(s, m,
                   [](const CapacityPoint& p) { return Kilobytes(CeilDiv(p.request_bytes, p.context)); });
}

/// One cell per context at batch `batch`.
std::string DecodeTable(const AttentionScenario& s, const ModelReport& m, std::int64_t batch) {
  Table t;
  std::vector<std::string> head = {"design"};
  for (std::int64_t c : s.contexts) head.push_back(Tokens(c));
  t.Row(head);
  for (const DesignReport& d : m.designs) {
    std::vector<std::string> row = {d.design.name};
    for (const DecodePoint& p : d.decode) {
      if (p.batch != batch) continue;
      row.push_back(fmt::format(
          "{}{}{} ({})", Duration(p.time.total_s()), p.fits ? "" : "*", Interval(p.time.range),
          Duration(p.time.block(models::Block::kAttention) + p.time.block(models::Block::kUpProjection))));
    }
    t.Row(row);
  }
  return t.Text();
}

std::string WorkTable(const AttentionReport& r, const ModelReport& m) {
  Table t;
  const bool derived = std::any_of(m.designs.begin(), m.designs.end(), [](const DesignReport& d) {
    return std::any_of(d.decode.begin(), d.decode.end(),
                       [](const DecodePoint& q) { return q.time.derived_s > 0; });
  });
  std::vector<std::string> head = {"design",     "attn FLOP/token", "attn B/token", "FLOP/B",  "to ridge",
                                   "FLOP/token", "B/token",         "step limit",   "measured"};
  if (derived) head.emplace_back("derived");
  head.insert(head.end(), {"scaled", "analytic"});
  t.Row(head);
  const std::int64_t context = r.scenario.contexts.front(), batch = r.scenario.batches.back();
  for (const DesignReport& d : m.designs) {
    const auto p = std::find_if(d.decode.begin(), d.decode.end(), [&](const DecodePoint& q) {
      return q.context == context && q.batch == batch;
    });
    const double kernels = p->time.kernels_s() / 100;
    const auto share = [kernels](double seconds) { return fmt::format("{:.0f} %", seconds / kernels); };
    std::vector<std::string> row = {d.design.name,
                                    Sized(p->attention_flops_per_token, ""),
                                    Sized(p->attention_bytes_per_token, ""),
                                    fmt::format("{:.1f}", p->intensity()),
                                    fmt::format("{:.2f}", p->intensity() / r.ridge_flops_per_byte),
                                    Sized(p->flops_per_token, ""),
                                    Sized(p->bytes_per_token, ""),
                                    Name(p->time.limit),
                                    share(p->time.measured_s)};
    if (derived) row.push_back(share(p->time.derived_s));
    row.insert(row.end(), {share(p->time.scaled_s), share(p->time.analytic_s)});
    t.Row(row);
  }
  return fmt::format(
             "Operations and bytes of a decoded token, context {}, batch {}; ridge {:.1f} FLOP/B; step "
             "limit: what "
             "bounds most of the whole step; share of kernel time by provenance\n",
             Tokens(context), batch, r.ridge_flops_per_byte) +
         t.Text();
}

std::string PrefillTable(const AttentionScenario& s, const ModelReport& m) {
  Table t;
  std::vector<std::string> head = {"design"};
  for (std::int64_t c : s.contexts) head.push_back(Tokens(c));
  t.Row(head);
  for (const DesignReport& d : m.designs) {
    std::vector<std::string> row = {d.design.name};
    for (const PrefillPoint& p : d.prefill)
      row.push_back(fmt::format("{}{} ({})", Duration(p.time.total_s()), Interval(p.time.range),
                                Sized(p.flops, "FLOP")));
    t.Row(row);
  }
  return t.Text();
}

std::string At(const Crossover& c) {
  switch (c.axis) {
    case Crossover::Axis::kQueryLength:
      return fmt::format("query length, batch {}, context {}", c.batch, Tokens(c.context));
    case Crossover::Axis::kContext:
      return fmt::format("context, batch {}, query length {}", c.batch, c.query_length);
    case Crossover::Axis::kBatch:
      return fmt::format("batch, context {}, query length {}", Tokens(c.context), c.query_length);
  }
  return "";
}

std::string CrossoverTable(const ModelReport& m) {
  Table t;
  t.Row({"along", "faster from 1", "the other from", "by FLOPs", "absorbed there", "limit",
         "materialised there", "limit"});
  for (const Crossover& c : m.crossovers) {
    t.Row({At(c), c.first == models::MlaDecode::kAbsorbed ? "absorbed" : "materialised",
           c.from ? std::to_string(*c.from) : fmt::format("never (to {})", c.searched_to),
           c.axis == Crossover::Axis::kQueryLength ? fmt::format("{:.1f}", c.by_operations) : "",
           Duration(c.absorbed_s), Name(c.absorbed_limit), Duration(c.materialised_s),
           Name(c.materialised_limit)});
  }
  return t.Text();
}

/// Where each design wins: the fastest step at each context and batch that any design fits, and the most
/// served.
std::string WinnersTable(const AttentionScenario& s, const ModelReport& m) {
  Table t;
  std::vector<std::string> head = {"fastest step"};
  for (std::int64_t c : s.contexts) head.push_back(Tokens(c));
  t.Row(head);
  for (std::size_t b = 0; b < s.batches.size(); ++b) {
    std::vector<std::string> row = {fmt::format("batch {}", s.batches[b])};
    for (std::size_t c = 0; c < s.contexts.size(); ++c) {
      const DesignReport* best = nullptr;
      const std::size_t i = c * s.batches.size() + b;
      for (const DesignReport& d : m.designs) {
        if (d.decode[i].fits &&
            (best == nullptr || d.decode[i].time.total_s() < best->decode[i].time.total_s()))
          best = &d;
      }
      row.push_back(best == nullptr ? "none fits" : best->design.name);
    }
    t.Row(row);
  }
  std::vector<std::string> row = {"most tokens/s"};
  for (std::size_t c = 0; c < s.contexts.size(); ++c) {
    const DesignReport* best = nullptr;
    for (const DesignReport& d : m.designs) {
      if (d.capacity[c].tpot_batch > 0 &&
          (best == nullptr || d.capacity[c].tokens_per_s > best->capacity[c].tokens_per_s))
        best = &d;
    }
    row.push_back(best == nullptr
                      ? "none"
                      : fmt::format("{} {:.0f}", best->design.name, best->capacity[c].tokens_per_s));
  }
  t.Row(row);
  return t.Text();
}

std::string Notes(const AttentionScenario& s, const ModelReport& m) {
  std::string text;
  for (const DesignReport& d : m.designs) {
    if (!d.design.assumption.empty())
      text += fmt::format("  {}: assumes {}\n", d.design.name, d.design.assumption);
    text += fmt::format("  {}: quality {}\n", d.design.name, d.design.quality);
  }
  text += fmt::format("  norms ({}) move {} a token in a decode step\n",
                      s.norm == models::NormKind::kRms ? "RMSNorm" : "LayerNorm",
                      Sized(static_cast<double>(m.designs.front().norm_bytes_per_token), "B"));
  if (m.yarn_factor > 1) {
    text += fmt::format(
        "  contexts beyond the trained {} need YaRN, s = {:g}, attention scale {:.4f}; shapes are "
        "unchanged\n",
        Tokens(m.spec.max_positions), m.yarn_factor, models::YarnAttentionScale(m.yarn_factor));
  }
  if (s.mtp && m.spec.mtp_modules > 0)
    text += fmt::format("  cache and weights include {} MTP layer\n", m.spec.mtp_modules);
  if (s.cache != models::CachePrecision::kBf16) {
    text +=
        "  decode attention over this cache: the BF16 kernel scaled by the roofline; dequantisation, which "
        "holds FlashMLA's "
        "FP8 kernel to 410 of 660 TFLOPS (docs/20250929), is not in it. Where operations bound a kernel over "
        "a BF16 "
        "cache already, as absorbed MLA of many heads, a smaller cache holds more requests and saves no "
        "time\n";
  }
  return text;
}

std::string ModelText(const AttentionReport& r, const ModelReport& m) {
  const AttentionScenario& s = r.scenario;
  const char* group = m.layout.tensor > 1 ? "tensor group" : "GPU";
  std::string text = fmt::format(
      "{}: {:.1f} B parameters, {:.1f} B activated, {} layers, its own design {}\n"
      "layout: tensor {}, expert {}, attention data-parallel beyond; {} weights, {} cache; no "
      "communication\n\n",
      m.spec.name, static_cast<double>(m.parameters.total) * 1e-9,
      static_cast<double>(m.parameters.activated) * 1e-9, m.spec.layers, models::DescribeMixers(m.spec),
      m.layout.tensor, m.layout.expert, m.layout.weights == models::WeightPrecision::kFp8 ? "FP8" : "BF16",
      models::Name(s.cache));
  for (const std::string& note : m.spec.notes) text.insert(text.size() - 1, "model: " + note + "\n");
  text += "KV cache (KB = 1000 B)\n" + CacheTable(m) + "\n";
  if (!m.spec.IsUniform()) {
    text += "Cache a token by the length of its request, states included\n" + CacheByLengthTable(s, m) + "\n";
  }
  text += fmt::format(
              "Cache of one request | requests per {} in memory | of those within {} a token, by context\n",
              group, Duration(Seconds(s.tpot_limit))) +
          CapacityTable(s, m) + "\n";
  text += WorkTable(r, m) + "\n";
  for (std::int64_t batch : s.batches) {
    text += fmt::format(
                "Decode step by context, batch {} per {}, 90 % interval (attention over the cache); * does "
                "not fit in "
                "memory\n",
                batch, group) +
            DecodeTable(s, m, batch) + "\n";
  }
  text += "Prefill of one prompt by its length, 90 % interval (operations)\n" + PrefillTable(s, m) + "\n";
  text += "Where each design wins\n" + WinnersTable(s, m) + "\n";
  if (!m.crossovers.empty())
    text += "MLA of one layer: absorbed against materialised\n" + CrossoverTable(m) + "\n";
  return text + "Notes\n" + Notes(s, m);
}

std::string CsvTime(const StepTime& t) {
  std::string text = fmt::format("{:.9g}", t.total_s());
  for (const StepHeading& heading : Headings(t)) text += fmt::format(",{:.9g}", heading.seconds);
  text += fmt::format(",{:.9g},{:.9g},{:.9g},{:.9g},{}", t.gaps_s, t.measured_s, t.scaled_s, t.analytic_s,
                      Name(t.limit));
  text +=
      t.range ? fmt::format(",{:.9g},{:.9g}", t.total_s() * t.range->low, t.total_s() * t.range->high) : ",,";
  return text + fmt::format(",{:.9g}", t.derived_s);
}

/// Quoted where CSV needs it.
std::string CsvField(const std::string& field) {
  if (field.find_first_of(",\"\n\r") == std::string::npos) return field;
  std::string quoted = "\"";
  for (char c : field) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

std::string AttentionText(const AttentionReport& r) {
  std::string text = fmt::format("{} on {}\n", r.scenario.name, r.scenario.device.Title());
  for (const std::string& source : r.calibration) text += "calibration: " + source + "\n";
  for (const ModelReport& m : r.models) text += "\n" + ModelText(r, m);
  return text;
}

std::string AttentionCsv(const AttentionReport& r) {
  std::string text =
      "model,design,phase,context_tokens,batch,cache_bytes_per_token,fits_in_memory,flops_per_token,bytes_"
      "per_token,time_s,"
      "attention_s,up_projection_s,projections_s,feed_forward_s,other_s,launch_gaps_s,measured_s,scaled_s,"
      "analytic_s,limit,time_low_s,time_high_s,derived_s\n";
  for (const ModelReport& m : r.models) {
    for (const DesignReport& d : m.designs) {
      const std::string name = CsvField(m.spec.name) + "," + d.design.name;
      for (const DecodePoint& p : d.decode) {
        text += fmt::format("{},decode,{},{},{},{},{:.9g},{:.9g},{}\n", name, p.context, p.batch,
                            d.cache_bytes_per_token, p.fits ? 1 : 0, p.flops_per_token, p.bytes_per_token,
                            CsvTime(p.time));
      }
      for (const PrefillPoint& p : d.prefill) {
        const double tokens = static_cast<double>(p.prompt);
        const bool fits = p.prompt <= d.cache_tokens_per_gpu;
        text +=
            fmt::format("{},prefill,{},1,{},{},{:.9g},{:.9g},{}\n", name, p.prompt, d.cache_bytes_per_token,
                        fits ? 1 : 0, p.flops / tokens, p.bytes / tokens, CsvTime(p.time));
      }
    }
  }
  return text;
}

}  // namespace orrery::scenarios
