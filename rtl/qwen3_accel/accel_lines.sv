// accel_lines: beats to lines of Lanes binary32 values, with a queue. A read's last line is filled with what lies there.
//
// Latency:       4 cycles from a line's last beat. Throughput: a beat in and a line out a cycle.
// Back-pressure: s_ready_o depends on registers only.
//
// Parameters:
//   Lanes  values of a line
//   Depth  lines that can wait
// Ports:
//   s_last_i  last beat of a read; it completes the line
module accel_lines
  import accel_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned Depth = 64,
    localparam int unsigned LineBits = 32 * Lanes
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic [   BeatW-1:0] s_beat_i,
    input  logic                s_last_i,
    input  logic                s_valid_i,
    output logic                s_ready_o,
    output logic [LineBits-1:0] m_data_o,
    output logic                m_last_o,
    output logic                m_valid_o,
    input  logic                m_ready_i
);
  localparam int unsigned Parts = LineBits / BeatW;
  localparam int unsigned PartW = $clog2(Parts);
  if (Parts < 2 || Parts != 1 << PartW) $error("%m: Lanes is %0d, allowed: powers of two from %0d", Lanes, 2 * BeatW / 32);

  logic [Parts-1:0][BeatW-1:0] line_q;
  logic [PartW-1:0] part_q;
  logic whole_q, last_q, room;
  logic [$clog2(Depth+3)-1:0] level;
  wire take = s_valid_i && s_ready_o;
  wire ends = s_last_i || part_q == '1;
  assign s_ready_o = !whole_q || room;

  always_ff @(posedge clk_i) begin
    if (take) begin
      line_q[part_q] <= s_beat_i;
      last_q         <= s_last_i;
    end
    if (!rst_ni) begin
      part_q  <= '0;
      whole_q <= 1'b0;
    end else begin
      if (take) part_q <= ends ? '0 : part_q + PartW'(1);
      if (s_ready_o) whole_q <= take && ends;
    end
  end

  fifo_block #(.Width(LineBits + 1), .Depth(Depth), .Style("auto")) u_lines (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i({last_q, line_q}), .s_valid_i(whole_q), .s_ready_o(room),
      .m_data_o({m_last_o, m_data_o}), .m_valid_o, .m_ready_i, .level_o(level)
  );
  wire unused = ^level;
endmodule
