// rope: rotary position embedding, rotate-half form, of the heads of one position after the other.
//
//   y[i] = x[i] * c[i] - x[i + D/2] * s[i],   y[i + D/2] = x[i + D/2] * c[i] + x[i] * s[i],   i = 0 .. D/2 - 1
//
// A command is a position: its table row is taken once and used for all its heads. Which row that is, so position and theta, is
// up to whoever feeds the rows.
//
// Numbers:       those of fp32_mul and fp32_add, every step rounded.
// Layout:        head: D/Lanes beats, tlast on the last. Row: c[0], s[0], c[1], s[1], .. in D/Lanes beats, tlast on the last.
// Latency:       from the first beat of a head's second half to the head's first result: Mul + Add + 3 = 12 cycles, the row loaded.
// Throughput:    one beat a cycle, heads and positions of one D back to back, while rows come in time (one row a position).
// Back-pressure: the ring takes 2 MaxHeadDim / Lanes beats at least while nothing leaves; every ready depends on registers only.
// Errors:        error_o stays until the reset: an illegal command (it is dropped), or a tlast elsewhere than D says; D is followed.
//
// Parameters:
//   Lanes       values in a beat, a power of two, >= 2; lane 0, the lowest bits, is the first
//   MaxHeadDim  largest D, a power of two, >= 2 Lanes
//   HeadsW      bits of the number of heads
// Ports:
//   s_cmd_head_dim  D, a multiple of 2 Lanes up to MaxHeadDim
//   s_cmd_heads     heads of the position, >= 1
module rope #(
    parameter int unsigned Lanes = 16,
    parameter int unsigned MaxHeadDim = 256,
    parameter int unsigned HeadsW = 16,
    localparam int unsigned DimW = $clog2(MaxHeadDim + 1)
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic [    DimW-1:0] s_cmd_head_dim,
    input  logic [  HeadsW-1:0] s_cmd_heads,
    input  logic                s_cmd_tvalid,
    output logic                s_cmd_tready,
    input  logic [32*Lanes-1:0] s_axis_row_tdata,
    input  logic                s_axis_row_tlast,
    input  logic                s_axis_row_tvalid,
    output logic                s_axis_row_tready,
    input  logic [32*Lanes-1:0] s_axis_tdata,
    input  logic                s_axis_tlast,
    input  logic                s_axis_tvalid,
    output logic                s_axis_tready,
    output logic [32*Lanes-1:0] m_axis_tdata,
    output logic                m_axis_tlast,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready,
    output logic                error_o
);
  localparam int unsigned MaxHalf = MaxHeadDim / (2 * Lanes);
  localparam int unsigned HalfW = $clog2(MaxHalf + 1);
  localparam int unsigned PlaceW = (MaxHalf > 1) ? $clog2(MaxHalf) : 1;
  localparam int unsigned Shift = $clog2(2 * Lanes);

  if (Lanes < 2 || Lanes != 1 << $clog2(Lanes)) $error("%m: Lanes is %0d, allowed: powers of two from 2", Lanes);
  if (MaxHeadDim < 2 * Lanes || MaxHeadDim != 1 << $clog2(MaxHeadDim))
    $error("%m: MaxHeadDim is %0d, allowed: powers of two from %0d", MaxHeadDim, 2 * Lanes);
  if (HeadsW < 1) $error("%m: HeadsW is %0d, allowed: >= 1", HeadsW);

  // ---- commands: judged, then one copy for the rows and one for the heads; counted from 0, so that only equality is asked --
  logic to_rows_ready, to_ring_ready, illegal_q;
  wire [HalfW-1:0] half = HalfW'(s_cmd_head_dim >> Shift);
  wire legal = s_cmd_head_dim[Shift-1:0] == '0 && half != '0 && s_cmd_head_dim <= DimW'(MaxHeadDim) && s_cmd_heads != '0;
  wire [HalfW+HeadsW-1:0] ends = {half - HalfW'(1), s_cmd_heads - HeadsW'(1)};
  wire give = s_cmd_tvalid && s_cmd_tready && legal;
  assign s_cmd_tready = to_rows_ready && to_ring_ready;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) illegal_q <= 1'b0;
    else if (s_cmd_tvalid && s_cmd_tready && !legal) illegal_q <= 1'b1;
  end

  logic [HalfW-1:0] rows_last_beat, ring_last_beat, row_last_beat;
  logic [HeadsW-1:0] rows_last_head, ring_last_head, row_last_head;
  logic rows_valid, rows_ready, ring_valid, ring_ready;
  logic [1:0] rows_level, ring_level;
  fifo #(.Width(HalfW + HeadsW), .Depth(2)) u_to_rows (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i(ends), .s_valid_i(give), .s_ready_o(to_rows_ready),
      .m_data_o({rows_last_beat, rows_last_head}), .m_valid_o(rows_valid), .m_ready_i(rows_ready), .level_o(rows_level)
  );
  fifo #(.Width(HalfW + HeadsW), .Depth(2)) u_to_ring (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i(ends), .s_valid_i(give), .s_ready_o(to_ring_ready),
      .m_data_o({ring_last_beat, ring_last_head}), .m_valid_o(ring_valid), .m_ready_i(ring_ready), .level_o(ring_level)
  );
  wire unused = ^{rows_level, ring_level};

  logic [PlaceW-1:0] place;
  logic [32*Lanes-1:0] cos, sin, low, high;
  logic row_valid, row_done, row_error, ring_error, some, pass, first, second;
  rope_rows #(.Lanes(Lanes), .MaxHalf(MaxHalf), .HeadsW(HeadsW)) u_rows (
      .clk_i, .rst_ni, .s_last_beat_i(rows_last_beat), .s_last_head_i(rows_last_head), .s_valid_i(rows_valid), .s_ready_o(rows_ready),
      .s_axis_row_tdata, .s_axis_row_tlast, .s_axis_row_tvalid, .s_axis_row_tready,
      .m_last_beat_o(row_last_beat), .m_last_head_o(row_last_head), .m_valid_o(row_valid), .m_ready_i(row_done),
      .place_i(place), .cos_o(cos), .sin_o(sin), .error_o(row_error)
  );
  rope_ring #(.Lanes(Lanes), .MaxHalf(MaxHalf), .HeadsW(HeadsW)) u_ring (
      .clk_i, .rst_ni, .s_last_beat_i(ring_last_beat), .s_last_head_i(ring_last_head), .s_valid_i(ring_valid), .s_ready_o(ring_ready),
      .s_axis_tdata, .s_axis_tlast, .s_axis_tvalid, .s_axis_tready,
      .some_o(some), .pass_i(pass), .first_i(first), .second_i(second), .low_o(low), .high_o(high), .error_o(ring_error)
  );
  rope_rotate #(.Lanes(Lanes), .MaxHalf(MaxHalf), .HeadsW(HeadsW)) u_rotate (
      .clk_i, .rst_ni, .last_beat_i(row_last_beat), .last_head_i(row_last_head), .row_valid_i(row_valid), .row_done_o(row_done),
      .place_o(place), .cos_i(cos), .sin_i(sin), .some_i(some), .pass_o(pass), .first_o(first), .second_o(second),
      .low_i(low), .high_i(high), .m_axis_tdata, .m_axis_tlast, .m_axis_tvalid, .m_axis_tready
  );
  assign error_o = illegal_q || row_error || ring_error;

  stream_checker #(.Width(32 * Lanes + 1)) u_out_rules (
      .clk_i, .rst_ni, .valid_i(m_axis_tvalid), .ready_i(m_axis_tready), .data_i({m_axis_tlast, m_axis_tdata})
  );
`ifndef SYNTHESIS
  // An issued beat that meets an empty pipeline and a consumer that is ready comes out after Mul + Add + 2 cycles.
  localparam int unsigned Latency = fp32_pkg::MulLatency + fp32_pkg::AddLatency + 2;
  int unsigned inside_q, age_q;
  wire issued = first || second;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) inside_q <= 0;
    else inside_q <= inside_q + (issued ? 1 : 0) - ((m_axis_tvalid && m_axis_tready) ? 1 : 0);
    if (!rst_ni || m_axis_tvalid) age_q <= 0;
    else if (issued && inside_q == 0) age_q <= 1;
    else if (age_q != 0) age_q <= age_q + 1;
  end
  a_latency :
  assert property (@(posedge clk_i) disable iff (!rst_ni) age_q == Latency |-> m_axis_tvalid);
  a_no_sooner :
  assert property (@(posedge clk_i) disable iff (!rst_ni) age_q != 0 && age_q < Latency |-> !m_axis_tvalid);
`endif
endmodule
