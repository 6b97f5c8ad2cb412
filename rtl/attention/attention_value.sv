// attention_value: what the weighted sums of all ways share: the p of a block, its columns, alpha, and when a block may begin.
//
// A column is a dimension of every way; attention_sum does the rest. A head's last block also goes to the results, two groups of which
// can wait.
//
// Latency:       4 + Mul + 4 Add + Mul + Add from a block's start to the result of its first column.
// Throughput:    a block of n positions of b beats on a port every max(16 b, n + 4) cycles.
// Back-pressure: nothing inside stops; a block begins when its p and v are there and, if it is the last, a place for results.
//
// Parameters:
//   QHeads
// Ports:
//   s_*        words of attention_softmax
//   v_*        attention_transpose of all ways: the next block; v_take_o: it begins here; v_release_o: its last column is being read
//   v_beat_o, v_lane_o  column that is read; seen_o: its positions, beside the data
//   p_o, alpha_o, read_o, end_o, end_valid_o  to attention_sum
//   due_o      three quarters of a group's results are in their memory: the rest is there when attention_finish comes to it;
//              free_i: the oldest are read
module attention_value
  import attention_pkg::*;
  import fp32_pkg::*;
#(
    parameter int unsigned QHeads = 4,
    parameter int unsigned MaxBeats = 8,
    localparam int unsigned BeatW = (MaxBeats > 1) ? $clog2(MaxBeats) : 1
) (
    input  logic                            clk_i,
    input  logic                            rst_ni,
    input  logic [QHeads-1:0][31:0]         s_word_i,
    input  logic                            s_head_i,
    input  logic                            s_end_i,
    input  block_t                          s_block_i,
    input  logic                            s_valid_i,
    output logic                            s_ready_o,
    input  logic [       4:0]               v_beats_i,
    input  logic                            v_valid_i,
    output logic                            v_take_o,
    output logic                            v_release_o,
    output logic [ BeatW-1:0]               v_beat_o,
    output logic [       3:0]               v_lane_o,
    output logic [ Lanes-1:0]               seen_o,
    output logic [QHeads-1:0][32*Lanes-1:0] p_o,
    output logic [QHeads-1:0][31:0]         alpha_o,
    output logic [       7:0]               read_o,
    output column_t                         end_o,
    output logic                            end_valid_o,
    output logic                            due_o,
    input  logic                            free_i
);
  localparam int unsigned AtV = 2;  // cycles after a column's start; a name stands for what is there
  localparam int unsigned AtP = AtV + FromBf16Latency;
  localparam int unsigned AtProduct = AtP + MulLatency;
  localparam int unsigned AtSum = AtProduct + fp32_reduce_pkg::latency(fp32_reduce_pkg::Sum, Lanes, 1);
  localparam int unsigned AtResult = AtSum + MulLatency + AddLatency;
  localparam int unsigned Middle = (AtP + AtSum) / 2;
  // Blocks begin at least Lanes cycles apart: the old sum of a column must be back, and each register of alpha taken over, by then.
  if (AtResult - AtSum + 2 > Lanes) $error("%m: AddLatency is %0d, allowed: with MulLatency up to %0d", AddLatency, Lanes - 2);
  if (AtSum - Middle > Lanes) $error("%m: AddLatency is %0d, allowed: 4 of them and MulLatency up to %0d", AddLatency, 2 * Lanes);

  // ---- the p of a block, as they come ------------------------------------------------------------------------------------
  logic [QHeads-1:0][31:0] alpha_fill_q;
  logic [Lanes-1:0][QHeads-1:0][31:0] p_fill_q;
  block_t fill_block_q;
  logic filled_q;
  logic [3:0] fill_q;
  logic start;
  logic [AtP-1:0] start_q;  // bit n - 1: a block began n cycles ago; its p are needed after AtP
  assign s_ready_o = !filled_q && start_q[AtP-2:0] == '0;
  wire take = s_valid_i && s_ready_o;

  always_ff @(posedge clk_i) begin
    if (take && s_head_i) alpha_fill_q <= s_word_i;
    if (take && !s_head_i) p_fill_q[fill_q] <= s_word_i;
    if (take) fill_block_q <= s_block_i;
    if (!rst_ni) begin
      filled_q <= 1'b0;
      fill_q   <= '0;
      start_q  <= '0;
    end else begin
      if (take && !s_head_i) fill_q <= s_end_i ? '0 : fill_q + 4'd1;
      if (take && s_end_i) filled_q <= 1'b1;
      else if (start) filled_q <= 1'b0;
      start_q <= {start_q[AtP-2:0], start};
    end
  end
  for (genvar h = 0; h < QHeads; h++) begin : gen_heads
    logic [32*Lanes-1:0] p_q;
    always_ff @(posedge clk_i) begin
      if (start_q[AtP-1]) begin
        for (int unsigned i = 0; i < Lanes; i++) p_q[32*i+:32] <= (4'(i) <= fill_block_q.top) ? p_fill_q[i][h] : '0;
      end
    end
    assign p_o[h] = p_q;
  end

  // ---- columns -----------------------------------------------------------------------------------------------------------
  logic run_q, bank_q;
  column_t now_q, column, column_read;
  logic [7:0] top_q, due_q;  // last column; the one that makes three quarters
  logic [Lanes-1:0] seen_q, seen1_q, seen2_q;
  logic [1:0] used_q;  // groups with a place in the results
  logic read_valid;
  wire end_col = now_q.col == top_q;
  wire ending = run_q && end_col;
  assign start = filled_q && v_valid_i && (!run_q || ending) && (!fill_block_q.last || used_q != 2'd2);
  assign v_take_o = start;
  assign v_release_o = ending;
  assign v_beat_o = BeatW'(now_q.col >> 4);
  assign v_lane_o = now_q.col[3:0];
  assign seen_o = seen2_q;

  always_ff @(posedge clk_i) begin
    if (start) begin
      now_q <= '{col: '0, due: 1'b0, first: fill_block_q.first, last: fill_block_q.last, bank: bank_q};
      top_q <= {v_beats_i[3:0], 4'b0} - 8'd1;  // 16 beats: 255
      due_q <= {1'b0, v_beats_i, 2'b0} + {v_beats_i, 3'b0} - 8'd1;
      for (int unsigned i = 0; i < Lanes; i++) seen_q[i] <= 4'(i) <= fill_block_q.top;
    end else begin
      now_q.col <= now_q.col + 8'd1;
    end
    seen1_q <= seen_q;
    seen2_q <= seen1_q;
    if (!rst_ni) begin
      run_q  <= 1'b0;
      bank_q <= 1'b0;
      used_q <= '0;
    end else begin
      if (start) run_q <= 1'b1;
      else if (ending) run_q <= 1'b0;
      if (start && fill_block_q.last) bank_q <= !bank_q;
      used_q <= used_q + 2'(start && fill_block_q.last) - 2'(free_i);
    end
  end

  // ---- what travels along ----------------------------------------------------------------------------------------------
  assign column = '{col: now_q.col, due: now_q.col == due_q, first: now_q.first, last: now_q.last, bank: now_q.bank};
  fp32_delay #(.Width($bits(column_t)), .Cycles(AtSum - 1)) u_read (
      .clk_i, .enable_i(1'b1), .d_i(column), .q_o(column_read)
  );
  fp32_delay #(.Width($bits(column_t)), .Cycles(AtResult - AtSum + 1)) u_end (
      .clk_i, .enable_i(1'b1), .d_i(column_read), .q_o(end_o)
  );
  fp32_valid #(.Cycles(AtSum - 1)) u_read_valid (.clk_i, .rst_ni, .enable_i(1'b1), .valid_i(run_q), .valid_o(read_valid));
  fp32_valid #(.Cycles(AtResult - AtSum + 1)) u_end_valid (
      .clk_i, .rst_ni, .enable_i(1'b1), .valid_i(read_valid), .valid_o(end_valid_o)
  );
  assign read_o = column_read.col;
  always_ff @(posedge clk_i) due_o <= rst_ni && end_valid_o && end_o.last && end_o.due;

  // ---- alpha follows its block: three registers, because more than one block is between start and rescaling ------------------
  logic [QHeads-1:0][31:0] alpha0_q, alpha1_q, alpha2_q;
  logic [AtSum-1:0] begun_q;  // bit n - 1: a block began n cycles ago
  always_ff @(posedge clk_i) begin
    begun_q <= rst_ni ? {begun_q[AtSum-2:0], start} : '0;
    if (begun_q[AtP-1]) alpha0_q <= alpha_fill_q;
    if (begun_q[Middle-1]) alpha1_q <= alpha0_q;
    if (begun_q[AtSum-1]) alpha2_q <= alpha1_q;
  end
  assign alpha_o = alpha2_q;

  wire unused = now_q.due;
endmodule
