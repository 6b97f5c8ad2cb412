// attention_finish: y = acc * reciprocal(l) of a group's heads, one value a cycle, packed into beats.
//
// Latency:       from a group's results being whole to its first beat: Reciprocal + QHeads + Mul + 24 cycles.
// Throughput:    a group every group * D + Reciprocal + QHeads + 5 cycles.
// Back-pressure: no value is begun for a beat that has no place in the queue at the end.
//
// Parameters:
//   QHeads, MaxBeats  as in attention_query
// Ports:
//   s_group_i  groups in the order of their results; whole_i: one more group's results are there
//   result_*   of attention_value; free_o: the group is read
//   m_axis_*   beats of D / 16 a head; tlast on the token's last
module attention_finish
  import attention_pkg::*;
  import fp32_pkg::*;
#(
    parameter int unsigned QHeads = 4,
    parameter int unsigned MaxBeats = 8,
    localparam int unsigned ColW = $clog2(Lanes * MaxBeats + 1)
) (
    input  logic                    clk_i,
    input  logic                    rst_ni,
    input  group_t                  s_group_i,
    input  logic                    s_group_valid_i,
    output logic                    s_group_room_o,
    input  logic                    whole_i,
    output logic                    free_o,
    output logic                    result_bank_o,
    output logic [        ColW-1:0] result_col_o,
    input  logic [QHeads-1:0][31:0] result_i,
    output logic [    32*Lanes-1:0] m_axis_tdata,
    output logic                    m_axis_tlast,
    output logic                    m_axis_tvalid,
    input  logic                    m_axis_tready
);
  localparam int unsigned Depth = 8;  // beats in the queue
  localparam int unsigned CountW = $clog2(Depth + 1);

  typedef enum logic [1:0] {
    Wait,
    Load,
    Divide,
    Scale
  } state_e;
  state_e state_q;
  group_t group;
  logic group_valid, bank_q, room_q;
  logic [2:0] groups;
  logic [1:0] whole_q;  // groups whose results wait
  logic [3:0] member_q;
  logic [ColW-1:0] col_q;
  logic [CountW-1:0] count_q;  // beats begun and not delivered

  fifo #(.Width($bits(group_t)), .Depth(6)) u_groups (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i(s_group_i), .s_valid_i(s_group_valid_i), .s_ready_o(s_group_room_o),
      .m_data_o(group), .m_valid_o(group_valid), .m_ready_i(free_o), .level_o(groups)
  );

  // ---- one group after the other -----------------------------------------------------------------------------------------
  logic divided;  // the last reciprocal is there
  wire beat_first = col_q[3:0] == 4'd1;
  wire beat_last = col_q[3:0] == 4'd0;
  wire head_last = col_q == ColW'({group.beats, 4'b0});
  wire member_last = member_q == group.group - 4'd1;
  wire issue = state_q == Scale && (room_q || !beat_first);
  wire taken = m_axis_tvalid && m_axis_tready;
  assign free_o = issue && head_last && member_last;
  assign result_bank_o = bank_q;
  assign result_col_o = (state_q == Scale) ? col_q : '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q  <= Wait;
      whole_q  <= '0;
      bank_q   <= 1'b0;
      member_q <= '0;
      col_q    <= ColW'(1);
      count_q  <= '0;
      room_q   <= 1'b1;
    end else begin
      case (state_q)
        Wait: if (whole_q != '0) state_q <= Load;
        Load: state_q <= Divide;
        Divide: if (divided) state_q <= Scale;
        default: if (free_o) state_q <= Wait;
      endcase
      whole_q <= whole_q + 2'(whole_i) - 2'(free_o);
      if (free_o) bank_q <= !bank_q;
      if (issue) col_q <= head_last ? ColW'(1) : col_q + ColW'(1);
      if (issue && head_last) member_q <= member_last ? '0 : member_q + 4'd1;
      count_q <= count_q + CountW'(issue && beat_first) - CountW'(taken);
      room_q  <= count_q < CountW'(Depth - 1);
    end
  end

  // ---- reciprocals, one after the other ----------------------------------------------------------------------------------
  logic [QHeads-1:0][31:0] sum_q, factor_q;
  logic [QHeads-1:0] feed_q;  // sums that are still to go in
  logic [31:0] factor;
  logic factor_valid;
  logic [3:0] found_q;
  assign divided = factor_valid && found_q == 4'(QHeads - 1);
  always_ff @(posedge clk_i) begin
    if (state_q == Load) sum_q <= result_i;
    else sum_q <= (32 * QHeads)'({32'b0, sum_q} >> 32);
    if (factor_valid) factor_q <= (32 * QHeads)'({factor, factor_q} >> 32);
    if (!rst_ni) begin
      feed_q  <= '0;
      found_q <= '0;
    end else begin
      feed_q <= (state_q == Load) ? '1 : QHeads'({1'b0, feed_q} >> 1);
      if (factor_valid) found_q <= divided ? '0 : found_q + 4'd1;
    end
  end
  fp32_reciprocal u_factor (.clk_i, .enable_i(1'b1), .x_i(sum_q[0]), .y_o(factor));
  fp32_valid #(.Cycles(ReciprocalLatency)) u_factor_valid (
      .clk_i, .rst_ni, .enable_i(1'b1), .valid_i(feed_q[0]), .valid_o(factor_valid)
  );

  // ---- values ----------------------------------------------------------------------------------------------------------------
  logic [3:0] member1_q;
  logic [31:0] value_q, scale_q, y;
  logic valid, push, last_y, last_q, push_q, queue_room;
  logic [32*Lanes-1:0] beat_q;
  logic [CountW-1:0] level;
  always_ff @(posedge clk_i) begin
    member1_q <= member_q;
    value_q   <= result_i[member1_q];
    scale_q   <= factor_q[member1_q];
    if (valid) beat_q <= {y, beat_q[32*Lanes-1:32]};
    push_q <= rst_ni && valid && push;
    last_q <= last_y;
  end
  fp32_mul u_y (.clk_i, .enable_i(1'b1), .a_i(value_q), .b_i(scale_q), .y_o(y));
  fp32_valid #(.Cycles(2 + MulLatency)) u_valid (.clk_i, .rst_ni, .enable_i(1'b1), .valid_i(issue), .valid_o(valid));
  fp32_delay #(.Width(2), .Cycles(2 + MulLatency)) u_side (
      .clk_i, .enable_i(1'b1), .d_i({beat_last, head_last && member_last && group.last}), .q_o({push, last_y})
  );

  fifo #(.Width(32 * Lanes + 1), .Depth(Depth)) u_beats (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i({last_q, beat_q}), .s_valid_i(push_q), .s_ready_o(queue_room),
      .m_data_o({m_axis_tlast, m_axis_tdata}), .m_valid_o(m_axis_tvalid), .m_ready_i(m_axis_tready), .level_o(level)
  );

  wire unused = ^{groups, level, group.scale};
  a_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni) push_q |-> queue_room);
  a_group :
  assert property (@(posedge clk_i) disable iff (!rst_ni) state_q != Wait |-> group_valid);
endmodule
