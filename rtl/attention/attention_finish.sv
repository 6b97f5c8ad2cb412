// attention_finish: y = acc * (1 / l) of a group's heads, Quad dimensions of every way a cycle, packed into lines.
//
// Latency:       from a head's factor and results being there to its first line: Mul + 7 cycles.
// Throughput:    a line every 4 cycles; a group every group * D / (4 Ways) + QHeads - group cycles.
// Back-pressure: no value is begun for a line that has no place in the queue at the end.
//
// Parameters:
//   Ways, QHeads, MaxBeats  as in attention_query
// Ports:
//   s_group_i   groups in the order of their results; due_i: one more group's results are there, or will be: those of
//               its last columns when the first head's others are read, one column a cycle
//   s_factor_i  of attention_total
//   result_*    of attention_sum, of all ways; free_o: the group is read
//   m_axis_*    lines of a head, head by head; tlast on the token's last
module attention_finish
  import attention_pkg::*;
  import fp32_pkg::*;
#(
    parameter int unsigned Ways = 1,
    parameter int unsigned QHeads = 4,
    parameter int unsigned MaxBeats = 8,
    localparam int unsigned RowW = $clog2(Lanes * MaxBeats / Quad)
) (
    input  logic                                       clk_i,
    input  logic                                       rst_ni,
    input  group_t                                     s_group_i,
    input  logic                                       s_group_valid_i,
    output logic                                       s_group_room_o,
    input  logic [        31:0]                        s_factor_i,
    input  logic                                       s_factor_valid_i,
    output logic                                       s_factor_ready_o,
    input  logic                                       due_i,
    output logic                                       free_o,
    output logic                                       result_bank_o,
    output logic [    RowW-1:0]                        result_row_o,
    input  logic [    Ways-1:0][QHeads-1:0][Quad-1:0][31:0] result_i,
    output logic [32*Lanes*Ways-1:0]                   m_axis_tdata,
    output logic                                       m_axis_tlast,
    output logic                                       m_axis_tvalid,
    input  logic                                       m_axis_tready
);
  localparam int unsigned Depth = 8;  // lines in the queue
  localparam int unsigned CountW = $clog2(Depth + 1);
  localparam int unsigned Rows = Lanes / Quad;  // of a line
  if (Rows != 4) $error("%m: Quad is %0d, allowed: 4", Quad);

  group_t group;
  logic group_valid, bank_q, room_q;
  logic [2:0] groups;
  logic [1:0] due_q;  // groups whose results wait
  logic [3:0] member_q;
  logic [RowW-1:0] row_q;
  logic [CountW-1:0] count_q;  // lines begun and not delivered

  fifo #(.Width($bits(group_t)), .Depth(6)) u_groups (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i(s_group_i), .s_valid_i(s_group_valid_i), .s_ready_o(s_group_room_o),
      .m_data_o(group), .m_valid_o(group_valid), .m_ready_i(free_o), .level_o(groups)
  );

  // ---- head after head; the factors of heads that the group does not have are dropped -----------------------------------------
  wire line_first = row_q[1:0] == 2'd0;
  wire line_last = row_q[1:0] == 2'd3;
  wire head_last = row_q == RowW'({group.beats, 2'b0} - 7'd1);
  wire absent = member_q >= group.group;
  wire ready = due_q != '0 && s_factor_valid_i;
  wire issue = ready && !absent && (room_q || !line_first);
  wire member_end = ready && (absent || (issue && head_last));
  wire taken = m_axis_tvalid && m_axis_tready;
  assign s_factor_ready_o = member_end;
  assign free_o = member_end && member_q == 4'(QHeads - 1);
  assign result_bank_o = bank_q;
  assign result_row_o = row_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      due_q  <= '0;
      bank_q   <= 1'b0;
      member_q <= '0;
      row_q    <= '0;
      count_q  <= '0;
      room_q   <= 1'b1;
    end else begin
      due_q <= due_q + 2'(due_i) - 2'(free_o);
      if (free_o) bank_q <= !bank_q;
      if (issue) row_q <= head_last ? '0 : row_q + RowW'(1);
      if (member_end) member_q <= free_o ? '0 : member_q + 4'd1;
      count_q <= count_q + CountW'(issue && line_first) - CountW'(taken);
      room_q  <= count_q < CountW'(Depth - 1);
    end
  end

  // ---- values --------------------------------------------------------------------------------------------------------------
  logic [3:0] member1_q;
  logic [31:0] factor1_q, factor2_q;
  logic valid, push, last_y, last_q, push_q, queue_room;
  logic [Ways-1:0][32*Lanes-1:0] line_q;
  logic [CountW-1:0] level;
  wire last_head = member_q == group.group - 4'd1;
  always_ff @(posedge clk_i) begin
    member1_q <= member_q;
    factor1_q <= s_factor_i;
    factor2_q <= factor1_q;
    push_q    <= rst_ni && valid && push;
    last_q    <= last_y;
  end
  for (genvar w = 0; w < Ways; w++) begin : gen_ways
    logic [Quad-1:0][31:0] value_q, y;
    always_ff @(posedge clk_i) begin
      value_q <= result_i[w][member1_q];
      if (valid) line_q[w] <= {y, line_q[w][32*Lanes-1:32*Quad]};
    end
    for (genvar n = 0; n < Quad; n++) begin : gen_quad
      fp32_mul u_y (.clk_i, .enable_i(1'b1), .a_i(value_q[n]), .b_i(factor2_q), .y_o(y[n]));
    end
  end
  fp32_valid #(.Cycles(2 + MulLatency)) u_valid (.clk_i, .rst_ni, .enable_i(1'b1), .valid_i(issue), .valid_o(valid));
  fp32_delay #(.Width(2), .Cycles(2 + MulLatency)) u_side (
      .clk_i, .enable_i(1'b1), .d_i({line_last, head_last && last_head && group.last}), .q_o({push, last_y})
  );

  fifo #(.Width(32 * Lanes * Ways + 1), .Depth(Depth)) u_lines (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i({last_q, line_q}), .s_valid_i(push_q), .s_ready_o(queue_room),
      .m_data_o({m_axis_tlast, m_axis_tdata}), .m_valid_o(m_axis_tvalid), .m_ready_i(m_axis_tready), .level_o(level)
  );

  wire unused = ^{groups, level, group.scale};
  a_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni) push_q |-> queue_room);
  a_group :
  assert property (@(posedge clk_i) disable iff (!rst_ni) due_q != '0 |-> group_valid);
endmodule
