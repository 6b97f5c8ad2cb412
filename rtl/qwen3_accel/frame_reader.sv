// frame_reader: one reading stream of the frame, with its own copy of the memory.
//
// Latency:       4 cycles from the command to the first line. Throughput: one line a cycle, commands back to back.
// Back-pressure: a read is begun when its line has room in the queue behind it; s_ready_o depends on registers only.
//
// Parameters:
//   Lines  of the frame
// Ports:
//   s_vector_i  lines of a vector: tlast comes with each one's last
module frame_reader
  import accel_pkg::*;
#(
    parameter int unsigned Lines = 1024,
    localparam int unsigned AddrW = $clog2(Lines)
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic [   LineW-1:0] s_line_i,
    input  logic [   LineW-1:0] s_lines_i,
    input  logic [   LineW-1:0] s_vector_i,
    input  logic                s_valid_i,
    output logic                s_ready_o,
    input  logic [   AddrW-1:0] write_line_i,
    input  logic [LineBits-1:0] write_data_i,
    input  logic                write_i,
    output logic [LineBits-1:0] m_axis_tdata,
    output logic                m_axis_tlast,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready
);
  localparam int unsigned Room = 8;
  localparam int unsigned CreditW = $clog2(Room + 1);

  logic [LineBits-1:0] mem[Lines];
  logic [LineBits-1:0] data1_q, data2_q;
  logic [LineW-1:0] line_q, left_q, vector_q, top_q;
  logic active_q, last1_q, last2_q, valid1_q, valid2_q, room;
  logic [CreditW-1:0] credits_q, level;
  wire pop = m_axis_tvalid && m_axis_tready;
  wire go = active_q && credits_q != '0;
  wire ends = left_q == LineW'(1);
  assign s_ready_o = !active_q || (go && ends);

  always_ff @(posedge clk_i) begin
    if (write_i) mem[write_line_i] <= write_data_i;
    data1_q <= mem[AddrW'(line_q)];
    data2_q <= data1_q;
    last1_q <= vector_q == '0;
    last2_q <= last1_q;
    if (!rst_ni) begin
      active_q  <= 1'b0;
      valid1_q  <= 1'b0;
      valid2_q  <= 1'b0;
      credits_q <= CreditW'(Room);
    end else begin
      valid1_q  <= go;
      valid2_q  <= valid1_q;
      credits_q <= credits_q - CreditW'(go) + CreditW'(pop);
      if (s_ready_o) active_q <= s_valid_i && s_lines_i != '0;
    end
    if (s_ready_o) begin
      line_q   <= s_line_i;
      left_q   <= s_lines_i;
      vector_q <= s_vector_i - LineW'(1);
      top_q    <= s_vector_i - LineW'(1);
    end else if (go) begin
      line_q   <= line_q + LineW'(1);
      left_q   <= left_q - LineW'(1);
      vector_q <= (vector_q == '0) ? top_q : vector_q - LineW'(1);
    end
  end

  fifo #(.Width(LineBits + 1), .Depth(Room)) u_lines (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i({last2_q, data2_q}), .s_valid_i(valid2_q), .s_ready_o(room),
      .m_data_o({m_axis_tlast, m_axis_tdata}), .m_valid_o(m_axis_tvalid), .m_ready_i(m_axis_tready), .level_o(level)
  );
  wire unused = ^level;
  a_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni) valid2_q |-> room);
endmodule
