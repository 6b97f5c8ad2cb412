// linear_synth_join: the partial sums of a round, slice beside slice, added in segments.
//
// A round begins when every slice has said whether it has a job in it, and a bank of the collector is free. Then all slices with
// a job that still delivers go in lockstep; a slice without one counts as zero, and so does one that is done before the others.
// A slot's sums come for one token after the other.
//
// Latency:       log2(Slices) cycles, at least 1; 2 cycles from the last slice's word on the round to its first beat.
// Throughput:    one beat a cycle, as fast as the slowest slice delivers, no faster than Width sums of all segments; 2 cycles more a
//                round.
// Back-pressure: a begun round is never stopped from behind: its bank is reserved.
//
// Parameters: as in linear_synth
// Ports:
//   m_axis_*   sums of segment j at place j, tlast at a round's end
//   m_subsets_o  of the beat, log2; m_tokens_o  of its command
//   bank_i     a pulse: the collector has read a bank
module linear_synth_join #(
    parameter int unsigned Slices = 2,
    parameter int unsigned Width = 16,
    parameter int unsigned DrainW = 2,
    localparam int unsigned Values = DrainW  // of a beat
) (
    input  logic                              clk_i,
    input  logic                              rst_ni,
    input  logic                              clear_i,
    input  logic [Slices-1:0]                 s_round_some_i,
    input  logic [       2:0]                 s_round_subsets_i,  // of slice 0; all have the same
    input  logic [       3:0]                 s_round_tokens_i,   // the same
    input  logic [Slices-1:0]                 s_round_valid_i,
    output logic                              s_round_ready_o,
    input  logic [Slices-1:0][Values*32-1:0]  s_axis_acc_tdata,
    input  logic [Slices-1:0]                 s_axis_acc_tlast,
    input  logic [Slices-1:0]                 s_axis_acc_tvalid,
    output logic [Slices-1:0]                 s_axis_acc_tready,
    output logic [Slices-1:0][Values*32-1:0]  m_axis_tdata,
    output logic [       2:0]                 m_subsets_o,
    output logic [       3:0]                 m_tokens_o,
    output logic                              m_axis_tlast,
    output logic                              m_axis_tvalid,
    input  logic                              bank_i
);
  localparam int unsigned Levels = (Slices > 1) ? $clog2(Slices) : 1;
  localparam int unsigned CodeW = $clog2(Levels + 1);
  localparam int unsigned Banks = Width / DrainW;  // of the collector: it takes as many segments a cycle
  localparam int unsigned Waves = (Slices > Banks) ? Slices / Banks : 1;
  localparam int unsigned WaveW = (Waves > 1) ? $clog2(Waves) : 1;

  logic ready_q, round_q;  // every slice has a word on its next round; a round is under way
  logic [Slices-1:0] active_q;
  logic [2:0] subsets_q;
  logic [Levels:0][3:0] tokens_q;  // of the round, and beside every level of the adders
  logic [1:0] free_q;  // banks

  wire begin_it = ready_q && !round_q && free_q != '0;
  logic pace;  // the collector has taken all segments of the beat before
  wire fire = round_q && pace && (s_axis_acc_tvalid | ~active_q) == '1;
  wire last = (s_axis_acc_tlast | ~active_q) == '1;

  assign s_round_ready_o   = begin_it;
  assign s_axis_acc_tready = fire ? active_q : '0;

  always_ff @(posedge clk_i) begin
    if (begin_it) subsets_q <= s_round_subsets_i;
    tokens_q <= {tokens_q[Levels-1:0], begin_it ? s_round_tokens_i : tokens_q[0]};
    if (!rst_ni || clear_i) begin
      ready_q  <= 1'b0;
      round_q  <= 1'b0;
      active_q <= '0;
      free_q   <= 2'd2;
    end else begin
      ready_q <= s_round_valid_i == '1 && !begin_it;
      if (begin_it) round_q <= 1'b1;
      else if (fire && last) round_q <= 1'b0;
      if (begin_it) active_q <= s_round_some_i;
      else if (fire) active_q <= active_q & ~s_axis_acc_tlast;
      if (begin_it != bank_i) free_q <= begin_it ? free_q - 2'd1 : free_q + 2'd1;
    end
  end

  if (Waves > 1) begin : gen_pace
    logic [WaveW-1:0] wait_q;
    assign pace = wait_q == '0;
    always_ff @(posedge clk_i) begin
      if (!rst_ni || clear_i) wait_q <= '0;
      else if (fire) wait_q <= (32'(Waves) >> subsets_q <= 32'd1) ? '0 : WaveW'((32'(Waves) >> subsets_q) - 32'd1);
      else if (!pace) wait_q <= wait_q - WaveW'(1);
    end
  end else begin : gen_no_pace
    assign pace = 1'b1;
  end

  // The adders have values of 32 bits: a word of Values of them is Values trees.
  logic [Values-1:0][Slices-1:0][31:0] part, sum;
  logic [Values-1:0] part_ready, sum_last, sum_valid;
  logic [Values-1:0][CodeW-1:0] sum_code;

  always_comb begin
    for (int unsigned d = 0; d < Values; d++) begin
      for (int unsigned s = 0; s < Slices; s++) begin
        part[d][s] = active_q[s] ? s_axis_acc_tdata[s][32*d+:32] : '0;
        m_axis_tdata[s][32*d+:32] = sum[d][s];
      end
    end
  end

  for (genvar d = 0; d < Values; d++) begin : gen_value
    segment_reduce #(
        .Sources(Slices), .Width(32)
    ) i_reduce (
        .clk_i, .rst_ni(rst_ni && !clear_i), .code_i(CodeW'(subsets_q)), .s_axis_tdata(part[d]), .s_axis_tlast(last),
        .s_axis_tvalid(fire), .s_axis_tready(part_ready[d]), .m_axis_tdata(sum[d]), .code_o(sum_code[d]), .m_axis_tlast(sum_last[d]),
        .m_axis_tvalid(sum_valid[d]), .m_axis_tready(1'b1)
    );
  end
  assign m_subsets_o   = 3'(sum_code[0]);
  assign m_tokens_o    = tokens_q[Levels];
  assign m_axis_tlast  = sum_last[0];
  assign m_axis_tvalid = sum_valid[0];

  a_never_stopped :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) part_ready == '1);
  a_in_step :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      sum_valid == '0 || (sum_valid == '1 && sum_last == {Values{sum_last[0]}} && sum_code == {Values{sum_code[0]}}));
  a_banks :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) free_q <= 2'd2);
  a_somebody_works :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) round_q |-> active_q != '0);
endmodule
