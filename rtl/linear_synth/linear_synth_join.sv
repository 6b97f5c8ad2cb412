// linear_synth_join: the partial sums of a round, slice beside slice, added in segments.
//
// A round begins when every slice has said whether it has a job in it, and a bank of the collector is free. Then all slices with
// a job that still delivers go in lockstep; a slice without one counts as zero, and so does one that is done before the others.
// A slot's sums come for Drains tokens at a time, one of these turns after the other.
//
// Slices are in Groups, as many as there are segments that the collector takes a cycle. While a segment is smaller than a group of
// slices, a beat leaves in waves: wave w has the segment number w of every group, the group's other slices count as zero. So a
// group has one tree of adders; behind it segments of several groups are added.
//
//   wave w, place g = segment g * waves + w;   waves = PerGroup >> subsets, at least 1
//
// Latency:       2 + log2(PerGroup) + log2(Groups) cycles, 1 more with one group, from the last slice's word on the round to its first wave.
// Throughput:    one wave a cycle, as fast as the slowest slice delivers; 2 cycles more a round.
// Back-pressure: a begun round is never stopped from behind: its bank is reserved.
//
// Parameters: as in linear_synth
// Ports:
//   m_axis_*   the sums of a wave, tlast at a round's end; m_number_o  of the wave; m_end_o  the beat's last; m_turns_o  of the command
//   bank_i     a pulse: the collector has read a bank
module linear_synth_join
  import linear_synth_pkg::*;
#(
    parameter int unsigned Slices = 2,
    parameter int unsigned Width = 16,
    parameter int unsigned DrainW = 2,
    parameter int unsigned Drains = 1,
    localparam int unsigned Values = Drains * DrainW,  // of a slice's beat
    localparam int unsigned Banks = Width / DrainW,  // of the collector
    localparam int unsigned Groups = groups_of(Slices, Banks),
    localparam int unsigned PerGroup = Slices / Groups,
    localparam int unsigned WaveW = wave_bits(Slices, Banks)
) (
    input  logic                          clk_i,
    input  logic                          rst_ni,
    input  logic                          clear_i,
    input  logic [Slices-1:0]             s_round_some_i,
    input  logic [       2:0]             s_round_subsets_i,  // of slice 0; all have the same
    input  logic [       3:0]             s_round_tokens_i,   // the same
    input  logic [Slices-1:0]             s_round_valid_i,
    output logic                          s_round_ready_o,
    input  logic [Slices-1:0][Values*32-1:0] s_axis_acc_tdata,
    input  logic [Slices-1:0]             s_axis_acc_tlast,
    input  logic [Slices-1:0]             s_axis_acc_tvalid,
    output logic [Slices-1:0]             s_axis_acc_tready,
    output logic [Groups-1:0][Values*32-1:0] m_axis_tdata,
    output logic [ WaveW-1:0]             m_number_o,
    output logic                          m_end_o,
    output logic [       3:0]             m_turns_o,
    output logic                          m_axis_tlast,
    output logic                          m_axis_tvalid,
    input  logic                          bank_i
);
  localparam int unsigned Low = $clog2(PerGroup);  // levels of a group's tree
  localparam int unsigned High = (Groups > 1) ? $clog2(Groups) : 1;  // levels behind it
  localparam int unsigned CodeW = $clog2(High + 1);

  logic ready_q, round_q;  // every slice has a word on its next round; a round is under way
  logic [Slices-1:0] active_q;
  logic [2:0] subsets_q;
  logic [3:0] turns_q;
  logic [WaveW-1:0] wave_q, top_q;  // wave of the beat, its last one
  logic [1:0] free_q;  // banks

  wire begin_it = ready_q && !round_q && free_q != '0;
  wire go = round_q && (s_axis_acc_tvalid | ~active_q) == '1;
  wire fire = go && wave_q == top_q;
  wire last = (s_axis_acc_tlast | ~active_q) == '1;

  assign s_round_ready_o   = begin_it;
  assign s_axis_acc_tready = fire ? active_q : '0;

  always_ff @(posedge clk_i) begin
    if (begin_it) begin
      subsets_q <= s_round_subsets_i;
      turns_q   <= 4'((32'(s_round_tokens_i) + Drains - 1) / Drains);
      top_q     <= (32'(PerGroup) >> s_round_subsets_i == '0) ? '0 : WaveW'((32'(PerGroup) >> s_round_subsets_i) - 32'd1);
    end
    if (!rst_ni || clear_i) begin
      ready_q  <= 1'b0;
      round_q  <= 1'b0;
      active_q <= '0;
      wave_q   <= '0;
      free_q   <= 2'd2;
    end else begin
      ready_q <= s_round_valid_i == '1 && !begin_it;
      if (begin_it) round_q <= 1'b1;
      else if (fire && last) round_q <= 1'b0;
      if (begin_it) active_q <= s_round_some_i;
      else if (fire) active_q <= active_q & ~s_axis_acc_tlast;
      if (go) wave_q <= fire ? '0 : wave_q + WaveW'(1);
      if (begin_it != bank_i) free_q <= begin_it ? free_q - 2'd1 : free_q + 2'd1;
    end
  end

  // ---- trees of the groups: level 0 is the wave ---------------------------------------------------------------------------
  typedef struct packed {
    logic             valid;
    logic             last;    // of the round
    logic             end_;    // of the beat
    logic [WaveW-1:0] number;
    logic [3:0]       turns;
    logic [2:0]       subsets;
  } flags_t;

  flags_t flags_q[Low+High+1];  // beside the levels
  logic [Low:0][Slices-1:0][Values-1:0][31:0] tree_q;  // level k: Slices >> k sums

  always_ff @(posedge clk_i) begin
    for (int unsigned s = 0; s < Slices; s++) begin
      if (active_q[s] && WaveW'((s % PerGroup) >> subsets_q) == wave_q) tree_q[0][s] <= s_axis_acc_tdata[s];
      else tree_q[0][s] <= '0;
    end
    for (int unsigned k = 1; k <= Low; k++) begin
      tree_q[k] <= '0;
      for (int unsigned i = 0; i < Slices >> k; i++) begin
        for (int unsigned d = 0; d < Values; d++) tree_q[k][i][d] <= tree_q[k-1][2*i][d] + tree_q[k-1][2*i+1][d];
      end
    end
    flags_q[0] <= '{valid: go, last: fire && last, end_: fire, number: wave_q, turns: turns_q, subsets: subsets_q};
    for (int unsigned k = 1; k <= Low + High; k++) flags_q[k] <= flags_q[k-1];
    if (!rst_ni || clear_i) for (int unsigned k = 0; k <= Low + High; k++) flags_q[k].valid <= 1'b0;
  end

  // ---- segments of several groups: the adders have values of 32 bits, a word of Values of them is Values trees --------------
  logic [Values-1:0][Groups-1:0][31:0] part, sum;
  logic [Values-1:0] part_ready, sum_last, sum_valid;
  logic [Values-1:0][CodeW-1:0] unused_code;
  wire [CodeW-1:0] code = (flags_q[Low].subsets > 3'(Low)) ? CodeW'(flags_q[Low].subsets - 3'(Low)) : '0;

  always_comb begin
    for (int unsigned d = 0; d < Values; d++) begin
      for (int unsigned g = 0; g < Groups; g++) begin
        part[d][g] = tree_q[Low][g][d];
        m_axis_tdata[g][32*d+:32] = sum[d][g];
      end
    end
  end

  for (genvar d = 0; d < Values; d++) begin : gen_value
    segment_reduce #(
        .Sources(Groups), .Width(32)
    ) i_reduce (
        .clk_i, .rst_ni(rst_ni && !clear_i), .code_i(code), .s_axis_tdata(part[d]), .s_axis_tlast(flags_q[Low].last),
        .s_axis_tvalid(flags_q[Low].valid), .s_axis_tready(part_ready[d]), .m_axis_tdata(sum[d]), .code_o(unused_code[d]),
        .m_axis_tlast(sum_last[d]), .m_axis_tvalid(sum_valid[d]), .m_axis_tready(1'b1)
    );
  end
  assign m_number_o    = flags_q[Low+High].number;
  assign m_end_o       = flags_q[Low+High].end_;
  assign m_turns_o     = flags_q[Low+High].turns;
  assign m_axis_tlast  = sum_last[0];
  assign m_axis_tvalid = sum_valid[0];

`ifndef SYNTHESIS
  for (genvar k = 1; k <= Low; k++) begin : gen_level
    logic fits;
    always_comb begin
      fits = 1'b1;
      for (int unsigned i = 0; i < Slices >> k; i++) begin
        for (int unsigned d = 0; d < Values; d++) begin
          fits &= tree_q[k-1][2*i][d][31] != tree_q[k-1][2*i+1][d][31]
              || 32'(tree_q[k-1][2*i][d] + tree_q[k-1][2*i+1][d]) >> 31 == 32'(tree_q[k-1][2*i][d][31]);
        end
      end
    end
    a_sums_fit :
    assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) flags_q[k-1].valid |-> fits);
  end
`endif
  a_never_stopped :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) part_ready == '1);
  a_in_step :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      sum_valid == {Values{flags_q[Low+High].valid}} && (sum_last == {Values{flags_q[Low+High].last}} || !sum_valid[0]));
  a_banks :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) free_q <= 2'd2);
  a_somebody_works :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) round_q |-> active_q != '0);
endmodule
