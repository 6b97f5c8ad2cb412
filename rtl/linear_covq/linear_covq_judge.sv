// linear_covq_judge: takes commands, judges them against the parameters, hands the legal ones on.
//
// A command that does not fit raises refused_o and stays there until clear_i; nothing behind it is taken.
//
// Latency:      2 cycles.
// Throughput:   one command a cycle.
// Back-pressure: s_ready_o depends only on registers and stop_i.
//
// Parameters: as in linear_covq
module linear_covq_judge
  import linear_covq_pkg::*;
#(
    parameter int unsigned Lanes = 2,
    parameter int unsigned Slots = 16,
    parameter int unsigned Centroids = 16,
    parameter int unsigned ActCentroids = 64,
    parameter int unsigned TablePositions = 512,
    parameter int unsigned MaxPositions = 512,
    parameter int unsigned MaxTokens = 32
) (
    input  logic     clk_i,
    input  logic     rst_ni,
    input  logic     clear_i,
    input  logic     stop_i,     // take no more
    input  command_t s_cmd_i,
    input  logic     s_valid_i,
    output logic     s_ready_o,
    output command_t m_cmd_o,
    output logic     m_valid_o,
    input  logic     m_ready_i,
    output logic     busy_o,
    output logic     refused_o
);
  command_t raw;
  logic in_ready, raw_valid, raw_ready, raw_legal, legal, judged;

  spill_register #(
      .Width($bits(command_t))
  ) i_raw (
      .clk_i, .rst_ni(rst_ni && !clear_i), .s_data_i(s_cmd_i), .s_valid_i(s_valid_i && !stop_i), .s_ready_o(in_ready),
      .m_data_o(raw), .m_valid_o(raw_valid), .m_ready_i(raw_ready)
  );

  assign raw_legal = raw.positions != '0 && raw.positions <= 16'(MaxPositions) && raw.positions % 16'(Lanes) == '0
      && raw.tokens != '0 && raw.tokens <= 16'(MaxTokens) && (raw.table_mode || raw.tokens == 16'd1)
      && raw.slots != '0 && raw.slots <= 8'(Slots) && (32'd16 << raw.k_code) <= Centroids
      && (32'd16 << raw.c_code) <= ActCentroids && (!raw.table_mode || raw.positions <= 16'(TablePositions));

  spill_register #(
      .Width($bits(command_t) + 1)
  ) i_judged (
      .clk_i, .rst_ni(rst_ni && !clear_i), .s_data_i({raw_legal, raw}), .s_valid_i(raw_valid), .s_ready_o(raw_ready),
      .m_data_o({legal, m_cmd_o}), .m_valid_o(judged), .m_ready_i
  );

  assign s_ready_o = in_ready && !stop_i;
  assign m_valid_o = judged && legal && !stop_i;
  assign busy_o    = raw_valid || judged;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) refused_o <= 1'b0;
    else if (judged && !legal) refused_o <= 1'b1;
  end

  a_refused_stays :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) judged && !legal |=> judged && refused_o);
endmodule
