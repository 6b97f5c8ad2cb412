// frame: the activations of the token under way, float32 lines; two reading streams and a writing one.
//
// Latency:       4 cycles from a read command to its first line; a line can be read 1 cycle after it was written.
// Throughput:    one line a cycle in every stream.
// Back-pressure: readies depend on registers only. The writing stream takes lines while a command has some left.
//
// Parameters:
//   Lines  lines of Lanes values
// Ports:
//   write_done_o  high for the cycle after the last line of a write command was written
module frame
  import accel_pkg::*;
#(
    parameter int unsigned Lines = 1024
) (
    input  logic                     clk_i,
    input  logic                     rst_ni,
    // read commands
    input  logic [1:0][   LineW-1:0] s_read_line_i,
    input  logic [1:0][   LineW-1:0] s_read_lines_i,
    input  logic [1:0][   LineW-1:0] s_read_vector_i,
    input  logic [1:0]               s_read_valid_i,
    output logic [1:0]               s_read_ready_o,
    // write command: taken at any time that no line is left of the one before
    input  logic      [   LineW-1:0] s_write_line_i,
    input  logic      [   LineW-1:0] s_write_lines_i,
    input  logic                     s_write_valid_i,
    output logic                     write_done_o,
    // streams
    output logic [1:0][LineBits-1:0] m_axis_tdata,
    output logic [1:0]               m_axis_tlast,
    output logic [1:0]               m_axis_tvalid,
    input  logic [1:0]               m_axis_tready,
    input  logic      [LineBits-1:0] s_axis_tdata,
    input  logic                     s_axis_tvalid,
    output logic                     s_axis_tready
);
  localparam int unsigned AddrW = $clog2(Lines);
  if (Lines < 2 || Lines > 1 << LineW) $error("%m: Lines is %0d, allowed: 2..%0d", Lines, 1 << LineW);

  logic [LineW-1:0] line_q, left_q;
  logic some_q;
  wire write = s_axis_tvalid && s_axis_tready;
  assign s_axis_tready = some_q;

  always_ff @(posedge clk_i) begin
    if (s_write_valid_i) begin
      line_q <= s_write_line_i;
      left_q <= s_write_lines_i;
    end else if (write) begin
      line_q <= line_q + LineW'(1);
      left_q <= left_q - LineW'(1);
    end
    if (!rst_ni) begin
      some_q       <= 1'b0;
      write_done_o <= 1'b0;
    end else begin
      if (s_write_valid_i) some_q <= 1'b1;
      else if (write) some_q <= left_q != LineW'(1);
      write_done_o <= write && left_q == LineW'(1);
    end
  end

  for (genvar p = 0; p < 2; p++) begin : gen_reader
    frame_reader #(.Lines(Lines)) u_reader (
        .clk_i, .rst_ni, .s_line_i(s_read_line_i[p]), .s_lines_i(s_read_lines_i[p]), .s_vector_i(s_read_vector_i[p]),
        .s_valid_i(s_read_valid_i[p]), .s_ready_o(s_read_ready_o[p]),
        .write_line_i(AddrW'(line_q)), .write_data_i(s_axis_tdata), .write_i(write),
        .m_axis_tdata(m_axis_tdata[p]), .m_axis_tlast(m_axis_tlast[p]), .m_axis_tvalid(m_axis_tvalid[p]),
        .m_axis_tready(m_axis_tready[p])
    );
  end

  a_one_command :
  assert property (@(posedge clk_i) disable iff (!rst_ni) s_write_valid_i |-> !some_q && s_write_lines_i != '0);
endmodule
