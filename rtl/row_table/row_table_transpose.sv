// row_table_transpose: rows in, one a cycle; entries of all rows out, one entry number a cycle.
//
//   in : square s of a block: rows s*16 .. s*16+15, 16 entries each        out: beat k = { entry k of row R-1, ..., of row 0 }
//
// A wide multiplexer or a shift register per row would cost 40 LUTs + 256 flip-flops, or 128 LUTs, for each row. Instead: 16 entry
// memories, a rotator, R row memories, all of 32-deep LUTRAM. Entry j of row r is written to entry memory j at address r. In
// step t of a square's 16, entry memory j is read at row (t - j) mod 16, so row r is found at entry memory (t - r) mod 16: one
// rotation by t for all rows. Row memory r takes it at address (t - r) mod 16, its entry number. Reading address k of all row
// memories gives beat k. Both memories hold two squares: one is filled while the other is emptied.
//
// Latency:       17 cycles from the last row of a block's last square of one piece to its first beat (16 steps, output register).
// Throughput:    one beat a cycle: ceil(R / 16) squares of 16 steps give 16 beats.
// Back-pressure: credit_o (a pulse) allows another square; it comes WriteLead cycles before the square's room is free, because
//                the first row of a square arrives so much later. A square must arrive in consecutive cycles.
//
// Parameters:
//   Rows       R, a power of two, up to 64
//   EntryW     bits of an entry
//   WriteLead  cycles from the edge that takes a credit to the first row at the input, <= 14
module row_table_transpose #(
    parameter int unsigned Rows = 16,
    parameter int unsigned EntryW = 8,
    parameter int unsigned WriteLead = 4
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   clear_i,
    input  logic [  16*EntryW-1:0] s_data_i,
    input  logic [            3:0] s_row_i,
    input  logic                   s_done_i,    // last row of its square
    input  logic                   s_last_i,    // and of its block
    input  logic                   s_valid_i,
    output logic                   credit_o,
    output logic [Rows*EntryW-1:0] m_data_o,
    output logic                   m_last_o,
    output logic                   m_valid_o,
    input  logic                   m_ready_i,
    output logic                   busy_o
);
  localparam int unsigned Groups = (Rows + 15) / 16;
  localparam int unsigned TurnRows = (Rows < 16) ? Rows : 16;
  localparam int unsigned GroupW = (Groups > 1) ? $clog2(Groups) : 1;

  logic in_buf_q, mid_buf_q, row_buf_q, out_buf_q;  // halves: entry memories in and out, row memories in and out
  logic [1:0] mid_full_q, out_full_q, out_free_q;  // squares waiting; 16-entry pieces of all rows waiting; free
  logic [1:0] mid_last_q, out_last_q;  // per half: end of a block
  logic [3:0] step_q, beat_q;
  logic [GroupW-1:0] group_q;

  wire step = step_q != 0 || (mid_full_q != 0 && (group_q != 0 || out_free_q != 0));
  wire step_done = step && &step_q;
  wire group_last = group_q == GroupW'(Groups - 1);
  wire piece_done = step_done && group_last;

  logic valid_q, last_q;
  wire fire = out_full_q != 0 && (!valid_q || m_ready_i);
  wire out_done = fire && &beat_q;

  // Entry memories -> rotator -> row memories --------------------------------------------------------------------------
  logic [15:0][EntryW-1:0] entry, quad;
  logic [TurnRows-1:0][EntryW-1:0] turned;
  logic [15:0][3:0] back;  // (t - i) mod 16

  always_comb begin
    for (int unsigned i = 0; i < 16; i++) back[i] = step_q - 4'(i);
    // turned[r] = entry[(t - r) mod 16], as a turn by 4 * t[3:2] and one by t[1:0]: a LUT6 per bit each
    for (int unsigned i = 0; i < 16; i++) quad[i] = entry[4'({step_q[3:2], 2'b00} - 4'(i))];
    for (int unsigned r = 0; r < TurnRows; r++) turned[r] = quad[4'(4'(r) - {2'b00, step_q[1:0]})];
  end

  for (genvar j = 0; j < 16; j++) begin : g_entry
    (* ram_style = "distributed" *) logic [EntryW-1:0] mem[32];
    always_ff @(posedge clk_i) if (s_valid_i) mem[{in_buf_q, s_row_i}] <= s_data_i[j*EntryW+:EntryW];
    assign entry[j] = mem[{mid_buf_q, back[j]}];
  end

  logic [Rows*EntryW-1:0] data_q;
  for (genvar r = 0; r < Rows; r++) begin : g_row
    (* ram_style = "distributed" *) logic [EntryW-1:0] mem[32];
    always_ff @(posedge clk_i) begin
      if (step && group_q == GroupW'(r / 16)) mem[{row_buf_q, back[r%16]}] <= turned[r%16];
      if (fire) data_q[r*EntryW+:EntryW] <= mem[{out_buf_q, beat_q}];
    end
  end

  always_ff @(posedge clk_i) begin
    if (s_valid_i && s_done_i) mid_last_q[in_buf_q] <= s_last_i;
    if (piece_done) out_last_q[row_buf_q] <= mid_last_q[mid_buf_q];
    if (fire) last_q <= &beat_q && out_last_q[out_buf_q];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      {in_buf_q, mid_buf_q, row_buf_q, out_buf_q} <= '0;
      mid_full_q <= '0;
      out_full_q <= '0;
      out_free_q <= 2'd2;
      step_q     <= '0;
      beat_q     <= '0;
      group_q    <= '0;
      valid_q    <= 1'b0;
    end else begin
      in_buf_q   <= in_buf_q ^ (s_valid_i && s_done_i);
      mid_buf_q  <= mid_buf_q ^ step_done;
      row_buf_q  <= row_buf_q ^ piece_done;
      out_buf_q  <= out_buf_q ^ out_done;
      mid_full_q <= mid_full_q + 2'(s_valid_i && s_done_i) - 2'(step_done);
      out_full_q <= out_full_q + 2'(piece_done) - 2'(out_done);
      out_free_q <= out_free_q + 2'(out_done) - 2'(step && step_q == 0 && group_q == 0);
      if (step) step_q <= step_q + 4'd1;
      if (step_done) group_q <= group_last ? '0 : group_q + GroupW'(1);
      if (fire) beat_q <= beat_q + 4'd1;
      if (fire) valid_q <= 1'b1;
      else if (m_ready_i) valid_q <= 1'b0;
    end
  end

  assign credit_o  = step && step_q == 4'(15 - WriteLead);
  assign m_data_o  = data_q;
  assign m_last_o  = last_q;
  assign m_valid_o = valid_q;
  assign busy_o    = mid_full_q != 0 || out_full_q != 0 || valid_q || s_valid_i;

  a_squares :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      mid_full_q <= 2'd2 && out_full_q <= 2'd2 && out_free_q <= 2'd2);
  a_no_overwrite :  // a square never enters a half that is full
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) s_valid_i |-> !mid_full_q[1]);
endmodule
