// embed_convert: beats of bf16 values to beats of Lanes fp32 values, which are a part of a beat or several of them; a row begins
// with a fresh beat.
//
// Latency:       2 cycles from a beat taken to its last values (conversion, spill register); it is taken with its last part.
// Throughput:    one beat of Lanes values a cycle, or one beat taken a cycle if they are smaller; rows back to back.
// Back-pressure: the conversion moves as long as no result waits in it, or the spill register has room.
//
// Ports:
//   row_last_i  last output beat of the row in front, from 0; stays until then
module embed_convert #(
    parameter int unsigned Lanes = 16,
    parameter int unsigned BeatW = 256,
    parameter int unsigned ValuesW = 16
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic [ ValuesW-1:0] row_last_i,
    input  logic                row_valid_i,
    output logic                row_ready_o,
    input  logic [   BeatW-1:0] s_axis_beat_tdata,
    input  logic                s_axis_beat_tlast,
    input  logic                s_axis_beat_tvalid,
    output logic                s_axis_beat_tready,
    output logic [32*Lanes-1:0] m_axis_tdata,
    output logic                m_axis_tlast,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready
);
  localparam int unsigned Parts = (BeatW > 16 * Lanes) ? BeatW / (16 * Lanes) : 1;  // of a beat
  localparam int unsigned Beats = (16 * Lanes > BeatW) ? 16 * Lanes / BeatW : 1;  // of an output
  localparam int unsigned BeatsW = (Beats > 1) ? $clog2(Beats) : 1;
  localparam int unsigned PartW = (Parts > 1) ? $clog2(Parts) : 1;

  logic room, valid_q, last_q;
  wire enable = room || !valid_q;
  logic whole;  // the beat in front completes an output
  wire some = enable && row_valid_i && s_axis_beat_tvalid;
  wire go = some && whole;

  logic [ValuesW-1:0] done_q;  // output beats of the row
  logic [PartW-1:0] part_q;
  wire end_row = done_q == row_last_i;
  wire end_beat = end_row || part_q == PartW'(Parts - 1);
  assign row_ready_o = go && end_row;
  assign s_axis_beat_tready = enable && row_valid_i && (end_beat || !whole);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      done_q  <= '0;
      part_q  <= '0;
      valid_q <= 1'b0;
    end else begin
      if (go) done_q <= end_row ? '0 : done_q + ValuesW'(1);
      if (go) part_q <= end_beat ? '0 : part_q + PartW'(1);
      if (enable) valid_q <= go;
    end
    if (enable) last_q <= end_row;
  end

  logic [Beats*BeatW-1:0] wide;  // the beat in front above those that wait for it
  if (Beats > 1) begin : gen_gather
    logic [(Beats-1)*BeatW-1:0] held_q;
    logic [BeatsW-1:0] count_q;
    assign wide  = {s_axis_beat_tdata, held_q};
    assign whole = count_q == BeatsW'(Beats - 1);
    always_ff @(posedge clk_i) begin
      if (some) held_q <= wide[Beats*BeatW-1:BeatW];
      if (!rst_ni) count_q <= '0;
      else if (some) count_q <= count_q + BeatsW'(1);
    end
  end else begin : gen_beat
    assign wide  = s_axis_beat_tdata;
    assign whole = 1'b1;
  end

  logic [16*Lanes-1:0] part;
  logic [32*Lanes-1:0] y;
  assign part = (16 * Lanes)'(wide >> (16 * Lanes * 32'(part_q)));
  for (genvar i = 0; i < Lanes; i++) begin : gen_lanes
    fp32_from_bf16 u_lane (.clk_i, .enable_i(enable), .a_i(part[16*i+:16]), .y_o(y[32*i+:32]));
  end

  spill_register #(.Width(32 * Lanes + 1)) u_out (
      .clk_i, .rst_ni, .s_data_i({last_q, y}), .s_valid_i(valid_q), .s_ready_o(room),
      .m_data_o({m_axis_tlast, m_axis_tdata}), .m_valid_o(m_axis_tvalid), .m_ready_i(m_axis_tready)
  );

  wire unused = s_axis_beat_tlast;  // the row's length counts
  a_row_ends :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      s_axis_beat_tvalid && s_axis_beat_tready |-> s_axis_beat_tlast == (end_row && whole));
  a_latency :
  assert property (@(posedge clk_i) disable iff (!rst_ni) $past(go && !m_axis_tvalid && room) |=> m_axis_tvalid);
endmodule
