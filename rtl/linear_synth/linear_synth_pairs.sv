// linear_synth_pairs: the position map of a command, checked, as a broadcast to the slices' pair memories.
//
// A list of the wrong length, or one that names an input which the command has not, stops here before it is whole.
//
// Latency:       3 cycles to the broadcast.
// Throughput:    one beat (8 pairs) a cycle; 16 cycles more between two lists.
// Back-pressure: a list is only taken when every slice has a free bank; then nothing can stop it.
//
// Parameters: as in linear_synth
// Ports:
//   m_free_i  every slice has a free bank, at most 10 cycles late behind m_last_o
module linear_synth_pairs
  import linear_synth_pkg::*;
#(
    parameter int unsigned MaxInputs = 4096,
    parameter int unsigned MaxPositions = 4096,
    parameter int unsigned Depth = 4,
    localparam int unsigned IdxW = $clog2(MaxInputs),
    localparam int unsigned Ends = 2 * PairsPerBeat,  // indices of a beat
    localparam int unsigned LineW = $clog2(MaxPositions / PairsPerBeat)
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 clear_i,
    input  logic [         15:0] s_job_positions_i,
    input  logic [         15:0] s_job_inputs_i,
    input  logic                 s_job_valid_i,
    output logic                 s_job_ready_o,
    input  logic [    BeatW-1:0] s_axis_tdata,
    input  logic                 s_axis_tlast,
    input  logic                 s_axis_tvalid,
    output logic                 s_axis_tready,
    input  logic                 m_free_i,
    output logic [Ends*IdxW-1:0] m_data_o,
    output logic [    LineW-1:0] m_addr_o,
    output logic                 m_last_o,
    output logic                 m_valid_o,
    output length_cause_e        cause_o
);
  logic [15:0] positions, inputs;
  logic job_valid, inside_q;
  logic [3:0] settle_q;
  logic [$clog2(Depth+1)-1:0] unused_level;
  logic [LineW-1:0] count_q;
  wire [15:0] top = positions - 16'd1;  // the last position
  wire at_end = 16'(count_q) == top >> $clog2(PairsPerBeat);
  wire take = s_axis_tvalid && s_axis_tready;
  wire good = s_axis_tlast == at_end;

  assign s_axis_tready = job_valid && cause_o == LengthNone && !clear_i && (inside_q || (m_free_i && settle_q == '0));

  fifo #(
      .Width(32), .Depth(Depth)
  ) i_jobs (
      .clk_i, .rst_ni, .clear_i, .s_data_i({s_job_positions_i, s_job_inputs_i}), .s_valid_i(s_job_valid_i),
      .s_ready_o(s_job_ready_o), .m_data_o({positions, inputs}), .m_valid_o(job_valid), .m_ready_i(take && at_end),
      .level_o(unused_level)
  );

  // 1: the beat; 2: every index compared; then the broadcast
  logic [BeatW-1:0] beat_q;
  logic [15:0] inputs_q;
  logic [Ends-1:0] used_q, bad_q;
  logic [Ends*IdxW-1:0] idx_q;
  logic [1:0] valid_q, last_q;
  logic [LineW-1:0] line_q[2];
  wire range_bad = valid_q[1] && bad_q != '0;

  always_ff @(posedge clk_i) begin
    beat_q    <= s_axis_tdata;
    inputs_q  <= inputs;
    line_q[0] <= count_q;
    line_q[1] <= line_q[0];
    last_q    <= {last_q[0], at_end};
    for (int unsigned i = 0; i < Ends; i++) begin
      used_q[i] <= !at_end || 3'(i / 2) <= top[2:0];
      bad_q[i] <= used_q[i] && beat_q[16*i+:16] >= inputs_q;
      idx_q[i*IdxW+:IdxW] <= beat_q[16*i+:IdxW];
    end
    m_data_o <= idx_q;
    m_addr_o <= line_q[1];
    m_last_o <= last_q[1];
    if (!rst_ni || clear_i) begin
      count_q   <= '0;
      inside_q  <= 1'b0;
      settle_q  <= '0;
      valid_q   <= '0;
      m_valid_o <= 1'b0;
      cause_o   <= LengthNone;
    end else begin
      if (take) begin
        count_q  <= at_end ? '0 : count_q + LineW'(1);
        inside_q <= !at_end;
      end
      if (take && at_end) settle_q <= '1;
      else if (settle_q != '0) settle_q <= settle_q - 4'd1;
      valid_q   <= {valid_q[0], take && good};
      m_valid_o <= valid_q[1] && !range_bad && cause_o != LengthRange;
      if (cause_o == LengthNone) begin
        if (range_bad) cause_o <= LengthRange;
        else if (take && !good) cause_o <= at_end ? LengthLate : LengthEarly;
      end
    end
  end
endmodule
