// rope_rotate: walks through the heads and rotates them: two products and a sum in every lane.
//
//   first the first halves y = low * cos - high * sin, then the second halves y = high * cos + low * sin
//
// Latency:       Mul + Add + 2 from a beat issued to its result (memory register, products, sum, spill register).
// Throughput:    one beat a cycle.
// Back-pressure: the pipeline moves as long as no result waits at its end, or the spill register has room.
//
// Ports:
//   last_beat_i, last_head_i, row_valid_i  the row in front, counted from 0; row_done_o: its last beat is issued
//   place_o                       beat of the row
//   pass_o, first_o, second_o     to rope_ring: which half; a beat is issued
module rope_rotate
  import fp32_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned MaxHalf = 8,
    parameter int unsigned HeadsW = 16,
    localparam int unsigned HalfW = $clog2(MaxHalf + 1),
    localparam int unsigned PlaceW = (MaxHalf > 1) ? $clog2(MaxHalf) : 1
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic [   HalfW-1:0] last_beat_i,
    input  logic [  HeadsW-1:0] last_head_i,
    input  logic                row_valid_i,
    output logic                row_done_o,
    output logic [  PlaceW-1:0] place_o,
    input  logic [32*Lanes-1:0] cos_i,
    input  logic [32*Lanes-1:0] sin_i,
    input  logic                some_i,
    output logic                pass_o,
    output logic                first_o,
    output logic                second_o,
    input  logic [32*Lanes-1:0] low_i,
    input  logic [32*Lanes-1:0] high_i,
    output logic [32*Lanes-1:0] m_axis_tdata,
    output logic                m_axis_tlast,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready
);
  localparam int unsigned Cycles = 1 + MulLatency + AddLatency;

  logic room, out_valid, out_last;
  wire enable = room || !out_valid;

  // ---- beat after beat, half after half, head after head ---------------------------------------------------------------
  logic pass_q;
  logic [PlaceW-1:0] place_q;
  logic [HeadsW-1:0] head_q;
  wire issue = row_valid_i && (pass_q || some_i);
  wire go = issue && enable;
  wire end_half = HalfW'(place_q) == last_beat_i;
  wire end_head = end_half && pass_q;
  wire end_row = end_head && head_q == last_head_i;
  assign pass_o = pass_q;
  assign place_o = place_q;
  assign first_o = go && !pass_q;
  assign second_o = go && pass_q;
  assign row_done_o = go && end_row;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      pass_q  <= 1'b0;
      place_q <= '0;
      head_q  <= '0;
    end else if (go) begin
      place_q <= end_half ? '0 : place_q + PlaceW'(1);
      if (end_half) pass_q <= !pass_q;
      if (end_head) head_q <= end_row ? '0 : head_q + HeadsW'(1);
    end
  end

  // ---- arithmetic ------------------------------------------------------------------------------------------------------
  logic [32*Lanes-1:0] with_cos_q, with_sin_q, cos_q, sin_q, y;
  logic minus_q;
  always_ff @(posedge clk_i) begin
    if (enable) begin
      with_cos_q <= pass_q ? high_i : low_i;
      with_sin_q <= pass_q ? low_i : high_i;
      cos_q      <= cos_i;
      sin_q      <= sin_i;
      minus_q    <= !pass_q;
    end
  end
  for (genvar i = 0; i < Lanes; i++) begin : gen_lanes
    fp32_dot2 u_y (
        .clk_i, .enable_i(enable), .a_i(with_cos_q[32*i+:32]), .b_i(cos_q[32*i+:32]), .c_i(with_sin_q[32*i+:32]),
        .d_i(sin_q[32*i+:32]), .subtract_i(minus_q), .y_o(y[32*i+:32])
    );
  end
  fp32_valid #(.Cycles(Cycles)) u_valid (.clk_i, .rst_ni, .enable_i(enable), .valid_i(issue), .valid_o(out_valid));
  fp32_delay #(.Width(1), .Cycles(Cycles)) u_last (.clk_i, .enable_i(enable), .d_i(end_head), .q_o(out_last));

  spill_register #(.Width(32 * Lanes + 1)) u_out (
      .clk_i, .rst_ni, .s_data_i({out_last, y}), .s_valid_i(out_valid), .s_ready_o(room),
      .m_data_o({m_axis_tlast, m_axis_tdata}), .m_valid_o(m_axis_tvalid), .m_ready_i(m_axis_tready)
  );

  a_hold :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !enable |=> $stable({out_valid, out_last, y}));
endmodule
